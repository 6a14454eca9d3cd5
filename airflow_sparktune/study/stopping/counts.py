"""Rules that count trials."""

from __future__ import annotations

import math
from typing import Self

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping.base import Rule, StopReason
from airflow_sparktune.study.trial import Trial, TrialState

# An attempt with this many failures and no success stops: the objective is broken.
FIRST_FEW = 5


class MaxEvals(Rule):
    """Ends a study when enough trials have ended."""

    reason = StopReason.MAX_EVALS
    fields = ("max_evals",)

    def __init__(self, wanted: int) -> None:
        self._all = self._wanted = wanted

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        return None if spec.max_evals is None else cls(spec.max_evals)

    @classmethod
    def still_ends(cls, old: Spec, new: Spec, *, counted: int) -> bool:  # noqa: ARG003
        return new.max_evals is not None and new.max_evals <= counted

    @property
    def wanted(self) -> float:
        return self._wanted

    def share_left(self, *, ran_s: float) -> float:  # noqa: ARG002
        return max(self._wanted / self._all, 0.0)

    def tell(self, trial: Trial) -> None:  # noqa: ARG002
        self._wanted -= 1

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        return self._wanted <= 0


class MaxFailures(Rule):
    """Ends a study when more trials have failed than allowed."""

    reason = StopReason.MAX_FAILURES
    fields = ("failures_allowed",)

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        return None if spec.failures_allowed is None else cls(spec.failures_allowed)

    @classmethod
    def label(cls, spec: Spec) -> str:
        return f"more trials failed than max_failures allows ({spec.failures_allowed})"

    def tell(self, trial: Trial) -> None:
        self._allowed -= trial.state is TrialState.FAILED

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        return self._allowed < 0


class FirstFailures(Rule):
    """Ends an attempt whose first trials all fail, unless a trial of the study has ever succeeded.

    Failures of earlier attempts do not count, because the objective may have been fixed since.
    """

    reason = StopReason.ERROR

    def __init__(self) -> None:
        self._left: float = FIRST_FEW

    @classmethod
    def of(cls, spec: Spec) -> Self | None:  # noqa: ARG003 - applies to every spec
        return cls()

    @classmethod
    def label(cls, spec: Spec) -> str:  # noqa: ARG003
        return "failed"

    def tell(self, trial: Trial) -> None:
        self._left = self._left - 1 if trial.state is TrialState.FAILED else math.inf

    def replayed(self) -> None:
        self._left = math.inf if self._left == math.inf else FIRST_FEW

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        return self._left <= 0
