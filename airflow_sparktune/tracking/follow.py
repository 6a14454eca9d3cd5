"""Follow a journal and keep a tracker up to date with it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from airflow_sparktune.printable import one_line

log = logging.getLogger(__name__)

PERIOD_S = 2.0
# The pause between tries doubles up to this value while the server does not respond.
LONGEST_PAUSE_S = 60.0


T = TypeVar("T")
C = TypeVar("C", contravariant=True)


class Followed(Protocol[T]):
    """A study, or the studies of segments, that `refresh` keeps up to date with their journals."""

    study: T

    def refresh(self) -> None:
        """Read what was written since the last call."""


class Tracker(Protocol[C]):
    """A system into which a study, or the studies of segments, are mirrored."""

    def mirror(self, study: C, /) -> None:
        """Send the changes of the study; calling it again with the same study changes nothing.

        Raises the error of a failed request, after which it can be called again.
        """


def mirror_while(
    follower: Followed[T], tracker: Tracker[T], *, wait: Callable[[float], bool], period_s: float = PERIOD_S
) -> Exception | None:
    """Mirror the study until `wait(seconds)` returns True, then one last time.

    The first of several failures is logged, and the recovery. Returns the error of the last try, or None; the
    caller must report that something is missing, because nothing sends it later.
    """
    trouble: Exception | None = None
    pause_s = period_s
    last = False
    while not last:
        last = wait(pause_s)
        failed_before, trouble = trouble is not None, _mirror(follower, tracker)
        if trouble is None:
            pause_s = period_s
            if failed_before:
                log.info("the tracker has caught up and is complete")
            continue
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        if not failed_before and not last:
            log.warning(
                "tracking fails: %s; the study is not affected, and the tracker tries again until the study "
                "ends", error_line(trouble),
            )  # fmt: skip
    return trouble


def error_line(error: Exception) -> str:
    """Return the error's first line, which may quote a server."""
    lines = str(error).splitlines()
    return one_line(f"{type(error).__name__}: {lines[0]}") if lines else type(error).__name__


def _mirror(follower: Followed[T], tracker: Tracker[T]) -> Exception | None:
    try:
        follower.refresh()
        tracker.mirror(follower.study)
    except Exception as error:  # noqa: BLE001 - no failure of the tracker may affect the study
        return error
    return None
