"""Each stopping rule owns its reason, its label and its fields."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping import RULES, StopReason, StopRequested, label, rules_of, still_ends
from airflow_sparktune.study.stopping.losses import LossThreshold
from tests.study.journal_samples import trial


def spec(**given: Any) -> Spec:
    return Spec.of(**{"objective": "m:f", "space": {"x": {"uniform": [0, 1]}}, "max_evals": 40, **given})


@pytest.mark.parametrize(
    ("reason", "given", "words"),
    [
        (StopReason.MAX_EVALS, {}, "reached max_evals (40)"),
        (StopReason.TIMEOUT, {"timeout": 90}, "reached timeout (90 s)"),
        (StopReason.LOSS_THRESHOLD, {"limits": {"loss_threshold": 0.5}}, "reached loss_threshold (0.5)"),
        (StopReason.NO_PROGRESS, {"limits": {"no_progress": 9}}, "no improvement in 9 trials"),
        (
            StopReason.NO_PROGRESS,
            {"limits": {"no_progress": 9, "min_improvement": 0.01}},
            "no improvement of 0.01 in 9 trials",
        ),
        (
            StopReason.MAX_FAILURES,
            {"limits": {"max_failures": 0.1}},
            "more trials failed than max_failures allows (4)",
        ),
        (StopReason.STOPPED, {}, "stopped by a user"),
        (StopReason.KILLED, {}, "killed"),
    ],
)
def test_the_label_of_each_reason(reason: StopReason, given: dict[str, Any], words: str) -> None:
    """The log, the shell and the page show the same label."""
    assert label(reason, spec(**given)) == words


def test_the_threshold_is_a_score_with_maximize() -> None:
    """With maximize, a person gives the score; the rule compares losses."""
    rule = LossThreshold.of(spec(maximize="accuracy", limits={"loss_threshold": 0.9}))
    assert rule is not None
    for loss, reached in ((-0.89, False), (-0.9, True)):
        rule.tell(trial(0, loss).trial)
        assert rule.reached(ran_s=1.0) is reached


def test_every_reason_has_a_label() -> None:
    assert all(
        label(reason, spec(timeout=1, limits={"no_progress": 1, "max_failures": 1})) for reason in StopReason
    )


def test_the_rules_of_a_spec() -> None:
    """FirstFailures applies to every spec."""
    asked = [type(rule).__name__ for rule in rules_of(spec(timeout=5))]
    assert asked == ["MaxEvals", "Timeout", "FirstFailures"]
    assert len({rule.reason for rule in RULES}) == len(RULES)


def test_a_result_stands_while_the_fields_of_its_rule_are_unchanged() -> None:
    old = spec(timeout=5, limits={"no_progress": 3})
    assert still_ends(StopReason.TIMEOUT, old, spec(timeout=5, limits={"no_progress": 9}), counted=7)
    assert not still_ends(StopReason.TIMEOUT, old, spec(timeout=6), counted=7)
    assert still_ends(StopReason.MAX_EVALS, old, spec(max_evals=7), counted=7)
    assert not still_ends(StopReason.MAX_EVALS, old, spec(max_evals=8), counted=7)
    assert not still_ends(StopReason.STOPPED, old, spec(timeout=5, max_evals=99), counted=7)


def test_stop_requests_are_checked_at_intervals() -> None:
    """Requests are checked only every few seconds, because each check reads the storage."""
    looks: list[float] = []
    rule = StopRequested(lambda: bool(looks.append(0.0)) or len(looks) == 3)
    assert [rule.reached(ran_s=at) for at in (0.0, 1.0, 2.9, 3.0, 5.9, 6.0, 6.1)] == [False] * 5 + [True] * 2
    assert len(looks) == 3
