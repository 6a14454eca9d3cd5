"""A bounded cache of the studies that pages show; their followers read each file once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from airflow_sparktune.dashboard.workers import Busy
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.storage import open_storage


@dataclass(slots=True)
class _Kept:
    follower: StudyFollower
    lock: Lock = field(default_factory=Lock)
    read_at: float = float("-inf")
    held_since: float | None = None  # when the current request acquired the lock


class StudyCache:
    """Caches at most `studies` followers and about `trials` trials; drops the least recently used one.

    Many pages may show one study, but its folder is listed at most once in `pause_s` seconds. A study whose
    storage hangs must not occupy every thread: a request that waits longer than `patience_s` for another
    request's read gets Busy, and gets it at once if that read has taken longer already. A study of very many
    trials takes seconds to read, so a look can end after `read_s`.
    """

    def __init__(
        self,
        *,
        studies: int = 32,
        trials: int = 100_000,
        pause_s: float = 1.0,
        patience_s: float = 3.0,
        read_s: float = 1.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._studies = studies
        self._trials = trials
        self.pause_s = pause_s
        self._patience_s = patience_s
        self._read_s = read_s
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def look(self, address: str, *, whole: bool = True) -> Iterator[StudyFollower]:
        """Yield the follower of the study, up to date; it does not change until the block ends.

        Unless `whole`, it may be `behind` after `read_s` seconds; the next look continues. Raises Busy, and
        the errors of the storage.
        """
        kept = self._take(address)
        with self._held(kept):
            now = self._clock()
            if kept.follower.behind or now - kept.read_at >= self.pause_s:
                kept.follower.refresh(enough=lambda: not whole and self._clock() - now >= self._read_s)
                kept.read_at = self._clock()
            yield kept.follower

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def _held(self, kept: _Kept) -> Iterator[None]:
        held = kept.held_since
        patience_s = self._patience_s
        if held is not None:
            patience_s = max(0.0, patience_s - (self._clock() - held))
        if not kept.lock.acquire(timeout=patience_s):
            raise Busy("another request is still reading this study")
        try:
            kept.held_since = self._clock()
            yield
        finally:
            kept.held_since = None
            kept.lock.release()

    def _take(self, address: str) -> _Kept:
        with self._lock:
            kept = self._kept.get(address)
            if kept is not None:
                self._kept.move_to_end(address)
                self._make_room()
                return kept
        # Without the lock, because opening some kinds of storage connects to a server.
        opened = _Kept(StudyFollower(open_storage(address)))
        with self._lock:
            kept = self._kept.setdefault(address, opened)
            self._kept.move_to_end(address)
            self._make_room()
            return kept

    def _make_room(self) -> None:
        trials = sum(len(kept.follower.study.trials) for kept in self._kept.values())
        # Keep one study even if it is very large; otherwise each request would read its whole journal.
        while len(self._kept) > 1 and (len(self._kept) > self._studies or trials > self._trials):
            _, gone = self._kept.popitem(last=False)
            trials -= len(gone.follower.study.trials)
