"""Each stopping rule owns its reason, its label and its fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping import (
    RULES,
    Converged,
    StopReason,
    StopRequested,
    label,
    left_to_gain,
    rules_of,
    still_ends,
)
from airflow_sparktune.study.stopping.converged import RETUNING_NOISE, SHARE, WINDOW
from airflow_sparktune.study.stopping.losses import LossThreshold
from airflow_sparktune.study.trial import Outlook, Trial, TrialOrigin
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
        (StopReason.CONVERGED, {}, "converged"),
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


def told(
    gain: float, *, trials: int = WINDOW, noise: float = 0.0, incumbent: float | None = None
) -> list[Trial]:
    """Return ten trials without an outlook, of losses 1 to 10 or the incumbent's, then some with one."""
    chance = [trial(at, 10.0 - at).trial for at in range(10)]
    if incumbent is not None:
        chance[0] = trial(0, incumbent, origin=TrialOrigin.INCUMBENT).trial
    outlook = Outlook(gain, noise)
    return chance + [trial(10 + at, 5.0, outlook=outlook).trial for at in range(trials)]


def converges(trials: list[Trial], **given: Any) -> bool:
    on = {"stop_when_converged": True}
    (rule,) = (each for each in rules_of(spec(limits=on, **given)) if isinstance(each, Converged))
    for each in trials:
        rule.tell(each)
    return rule.reached(ran_s=1.0)


class TestConverged:
    # The median of the first ten losses is 5.5, the lowest 1.
    ENOUGH = SHARE * 0.01 * 4.5

    @pytest.mark.parametrize(("gain", "reached"), [(0.999 * ENOUGH, True), (1.001 * ENOUGH, False)])
    def test_what_matters_is_one_percent_of_the_gain_so_far(self, gain: float, reached: bool) -> None:
        assert converges(told(gain)) is reached

    @pytest.mark.parametrize(("gain", "reached"), [(0.999 * SHARE, True), (1.001 * SHARE, False)])
    def test_it_is_the_measured_noise_if_there_is_any(self, gain: float, reached: bool) -> None:
        assert converges(told(gain, noise=1.0)) is reached

    @pytest.mark.parametrize(("gain", "reached"), [(0.999 * SHARE, True), (1.001 * SHARE, False)])
    def test_it_is_the_margin_of_a_retuning(self, gain: float, reached: bool) -> None:
        retuning = {"incumbent": "champion", "margin": "50%"}
        assert converges(told(gain, incumbent=2.0), retuning=retuning) is reached

    @pytest.mark.parametrize(("gain", "reached"), [(0.999, True), (1.001, False)])
    def test_noise_matters_more_in_a_retuning(self, gain: float, reached: bool) -> None:
        found = told(gain * SHARE * RETUNING_NOISE, noise=1.0, incumbent=2.0)
        assert converges(found, retuning={"incumbent": "champion"}) is reached

    def test_trials_beyond_a_guardrail_are_no_part_of_the_gain_so_far(self) -> None:
        """They often have lower losses than any trial within."""
        rails = {"guardrails": {"ms": {"max": 50}}}
        within = [replace(each, info={"ms": 20}) for each in told(0.999 * self.ENOUGH)]
        beyond = [trial(-at, 0.5, info={"ms": 80}).trial for at in range(1, 11)]
        assert converges([*beyond, *within], retuning=rails)

    def test_one_suggestion_that_promises_more_prevents_it(self) -> None:
        found = told(0.0)
        for at in (-1, -WINDOW):
            hopeful = [*found]
            hopeful[at] = replace(found[at], outlook=Outlook(1.0))
            assert not converges(hopeful)
        assert converges([replace(found[0], outlook=Outlook(1.0)), *found[1:]])

    def test_repeats_and_parallel_trials_that_still_run_say_nothing(self) -> None:
        found = told(0.0)
        assert converges([*found[:14], *found[-WINDOW // 2 :]])
        few = [each if at < 20 or at % 3 else replace(each, outlook=None) for at, each in enumerate(found)]
        assert converges(few)
        assert not converges(found[:20] + [replace(each, outlook=None) for each in found[20:]])

    def test_a_study_without_a_model_never_converges(self) -> None:
        assert not converges([trial(at, 1.0).trial for at in range(99)])

    def test_the_end_says_what_is_left_to_gain(self) -> None:
        assert left_to_gain(told(0.000412)) == ": at most 0.00041 left to gain by another trial"
        assert left_to_gain(told(0.0, trials=3)) == ""
