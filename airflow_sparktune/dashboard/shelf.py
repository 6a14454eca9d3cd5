"""The studies that are being looked at: a bounded shelf of followers, each of which reads a file once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.storage import open_storage


@dataclass(slots=True)
class _Kept:
    follower: StudyFollower
    lock: Lock = field(default_factory=Lock)
    read_at: float = float("-inf")


class Shelf:
    """At most `studies` followers and about `trials` trials; the one not looked at for longest goes.

    Many pages may watch one study: its folder is listed at most once in `pause_s` seconds.
    """

    def __init__(
        self,
        *,
        studies: int = 32,
        trials: int = 100_000,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._studies = studies
        self._trials = trials
        self._pause_s = pause_s
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def look(self, address: str) -> Iterator[StudyFollower]:
        """The study as it stands now, held still meanwhile; raises what its storage raises."""
        kept = self._take(address)
        with kept.lock:
            now = self._clock()
            if now - kept.read_at >= self._pause_s:
                kept.follower.refresh()
                kept.read_at = now
            yield kept.follower

    def __len__(self) -> int:
        return len(self._kept)

    def _take(self, address: str) -> _Kept:
        with self._lock:
            if address not in self._kept:
                self._kept[address] = _Kept(StudyFollower(open_storage(address)))
            self._kept.move_to_end(address)
            self._make_room()
            return self._kept[address]

    def _make_room(self) -> None:
        trials = sum(len(kept.follower.study.trials) for kept in self._kept.values())
        # One study stays whatever its size: throwing it out would read it anew at every request.
        while len(self._kept) > 1 and (len(self._kept) > self._studies or trials > self._trials):
            _, gone = self._kept.popitem(last=False)
            trials -= len(gone.follower.study.trials)
