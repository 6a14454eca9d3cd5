"""The rule by which a user ends a running study."""

from __future__ import annotations

from collections.abc import Callable

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping.base import Rule, StopReason

# Seconds of running time between two checks for a request. A check is one read of the storage.
LOOK_S = 3.0


class StopRequested(Rule):
    """Ends a study at a user's request; `asked` reads the request from the study's storage."""

    reason = StopReason.STOPPED
    # Raising one of these limits lets a stopped study continue.
    fields = (
        "max_evals",
        "timeout",
        "limits.budget_slot_hours",
        "limits.loss_threshold",
        "limits.no_progress",
        "limits.min_improvement",
        "limits.stop_when_converged",
    )

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
