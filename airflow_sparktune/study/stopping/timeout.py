"""The rule that limits the running time of a study."""

from __future__ import annotations

from typing import Self

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.formatting import number
from airflow_sparktune.study.stopping.base import Rule, StopReason


class Timeout(Rule):
    """Ends a study when its attempts have together run for the timeout."""

    reason = StopReason.TIMEOUT
    fields = ("timeout",)

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        return None if spec.timeout is None else cls(spec.timeout)

    @classmethod
    def label(cls, spec: Spec) -> str:
        return "reached timeout" if spec.timeout is None else f"reached timeout ({number(spec.timeout)} s)"

    def share_left(self, *, ran_s: float) -> float:
        return max(1.0 - ran_s / self._timeout, 0.0)

    def shortened(self, share: float) -> Rule:
        return Timeout(self._timeout * share)

    @property
    def deadline_s(self) -> float:
        return self._timeout

    def reached(self, *, ran_s: float) -> bool:
        return ran_s >= self._timeout
