"""The rule by which a person ends a running study."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_sparktune.study.stopping.base import Rule, StopReason

if TYPE_CHECKING:
    from airflow_sparktune.study.spec import Spec

# How often a driver looks for a request, in seconds of its running time: one read of the storage each.
LOOK_S = 3.0


class StopRequested(Rule):
    """Ends a study when somebody has asked for it; `asked` looks into the study's storage."""

    reason = StopReason.STOPPED
    # Raising a limit afterwards lets the study go on.
    fields = ("max_evals", "timeout", "loss_threshold", "no_progress")

    def __init__(self, asked: Callable[[], bool]) -> None:
        self._asked = asked
        self._next_look_s = 0.0
        self._stop = False

    @classmethod
    def label(cls, spec: Spec) -> str:  # noqa: ARG003
        return "stopped by a user"

    def reached(self, *, ran_s: float) -> bool:
        if not self._stop and ran_s >= self._next_look_s:
            self._next_look_s = ran_s + LOOK_S
            self._stop = self._asked()
        return self._stop
