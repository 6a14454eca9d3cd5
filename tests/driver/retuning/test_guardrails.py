"""Limits on the metrics of a candidate's repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_sparktune.driver.retuning.decide import choose, decide
from airflow_sparktune.driver.retuning.guardrails import require_metrics
from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.record.contender import Contender, Repeat
from airflow_sparktune.study.retuning.decision import Outcome
from tests.driver.retuning.contenders import around, contender, rails


def test_a_candidate_that_violates_a_guardrail_cannot_win() -> None:
    rule = rails(latency_ms={"max": 50})
    slow, fast = around(1, 0.3, latency_ms=63.0), around(2, 0.4, shift=1, latency_ms=20.0)
    decision = decide(rule, around(0, 0.5, latency_ms=20.0), [slow, fast])
    assert (decision.outcome, decision.number) == (Outcome.REPLACED, 2)
    assert decision.candidates[0].why == "latency_ms is 63, above 50"


def test_the_reason_names_the_guardrail() -> None:
    decision = decide(
        rails(recall={"max_drop": "1%"}),
        around(0, 0.5, recall=0.9),
        [around(1, 0.3, shift=1, recall=0.8)],
    )
    assert decision.outcome is Outcome.KEPT
    assert decision.reason.endswith("but recall drops from 0.9 to 0.8, more than 1%")


@pytest.mark.parametrize(
    ("bounds", "value", "broken"),
    [
        ({"min": 0.5}, 0.4, True),
        ({"min": 0.5}, 0.6, False),
        ({"max_rise": 0.1}, 1.2, True),
        ({"max_rise": 0.1}, 1.05, False),
    ],
)
def test_bounds(bounds: dict[str, object], value: float, broken: bool) -> None:
    decision = decide(rails(m=bounds), around(0, 0.5, m=1.0), [around(1, 0.3, shift=1, m=value)])
    assert (decision.outcome is Outcome.KEPT) is broken


def test_a_limit_on_each_repeat_applies_to_the_worst() -> None:
    """The mean is within the limit, and the candidate passes the test."""
    candidate = contender(1, 0.1, 0.1, 0.12, 0.28, 0.11)
    assert decide(rails(loss={"each_max": 0.3}), around(0, 0.5), [candidate]).number == 1
    decision = decide(rails(loss={"each_max": 0.25}), around(0, 0.5), [candidate])
    assert decision.outcome is Outcome.KEPT
    assert decision.reason.endswith("but loss is 0.28 in one repeat, above 0.25")


def test_a_limit_on_each_repeat_of_another_metric() -> None:
    repeats = {at: Repeat(0.3 + 0.01 * at, {"recall": 0.9 - 0.1 * (at == 4)}) for at in range(1, 6)}
    candidate = Contender(1, {}, 0.3, repeats)
    decision = decide(rails(recall={"min": 0.85, "each_min": 0.85}), around(0, 0.5), [candidate])
    assert decision.candidates[0].why == "recall is 0.8 in one repeat, below 0.85"


def test_a_score_is_limited_as_one() -> None:
    rule = replace(rails(auc={"each_min": 0.9}), metric=Metric("auc", maximized=True))
    decision = decide(rule, around(0, -0.8), [around(1, -0.905, shift=1)])
    assert decision.candidates[0].why == "auc is 0.89 in one repeat, below 0.9"


def test_the_loss_need_not_be_returned_twice() -> None:
    require_metrics(rails(loss={"each_max": 1}), {})


@pytest.mark.parametrize("bounds", [{"max_drop": "1%"}, {"max_rise": 0.5}])
def test_a_base_that_was_not_measured_blocks(bounds: dict[str, object]) -> None:
    """The incumbent's repeats, maybe of an earlier attempt, lack the metric."""
    decision = decide(rails(recall=bounds), around(0, 0.5), [around(1, 0.3, shift=1, recall=0.1)])
    assert decision.outcome is Outcome.KEPT
    assert decision.reason.endswith(
        "but recall of the incumbent was not measured, so max_drop and max_rise cannot be checked"
    )


def test_a_broken_incumbent_is_not_a_base() -> None:
    """Only the first champion is free from limits that are relative to an incumbent."""
    rule = rails(recall={"max_drop": "1%"})
    candidates = [around(1, 0.3, recall=0.1)]
    assert choose(rule, candidates, outcome=Outcome.REPLACED, why="the incumbent failed") is None
    assert choose(rule, candidates) is not None


def test_a_missing_metric_is_rejected() -> None:
    rule = rails(latncy_ms={"max": 50})
    with pytest.raises(
        ObjectiveError, match=r"got 'latncy_ms', but besides the loss it returns latency_ms.*did you mean"
    ):
        require_metrics(rule, {"latency_ms": 3, "note": "x"})
