"""The summary of failed trials."""

from __future__ import annotations

from airflow_sparktune.dashboard.page.digest import failure_digest
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

DIMENSIONS = [
    {"label": "x", "path": "x"},
    {"label": "m", "path": "model", "options": ["forest", "linear"]},
    {"label": "m[0].d", "path": "forest.depth"},
]


def ok(number: int, **point: float) -> Trial:
    return Trial(number=number, params={}, point=point, state=TrialState.OK, loss=1.0)


def failed(number: int, message: str, kind: FailureKind = FailureKind.RAISED, **point: float) -> Trial:
    error = Failure(kind, message)
    return Trial(number=number, params={}, point=point, state=TrialState.FAILED, error=error)


def test_a_threshold_that_separates_failures_is_named() -> None:
    trials = [ok(n, x=n / 10, m=1) for n in range(6)]
    trials += [failed(10 + n, "ValueError: row 3\nmore", x=0.6 + n / 100, m=1) for n in range(6)]

    assert failure_digest(trials, DIMENSIONS) == ["6 failed, all with x > 0.5: ValueError"]


def test_an_option_that_only_failures_have_is_named() -> None:
    trials = [ok(n, x=n / 3, m=1) for n in range(4)]
    trials += [failed(9 + n, "memory", FailureKind.LOST, x=n / 3, m=0) for n in range(3)]

    assert failure_digest(trials, DIMENSIONS) == ["3 failed, all with model = forest: lost their worker"]


def test_few_or_mixed_failures_have_no_cause() -> None:
    trials = [ok(1, x=0.1, m=0), ok(2, x=0.9, m=1), failed(3, "KeyError: 1", x=0.95, m=0)]
    trials += [failed(4 + n, "nan", FailureKind.NONSENSE, x=n / 2, m=n % 2) for n in range(3)]

    assert failure_digest(trials, DIMENSIONS) == ["3 failed: returned no finite number", "1 failed: KeyError"]


def test_without_failures_there_is_no_line() -> None:
    assert failure_digest([ok(1, x=0.5)], DIMENSIONS) == []
