"""A task that is retuned every week: what it compares with, decides and records."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from airflow_sparktune.cli.show import show_command
from airflow_sparktune.errors import IncumbentBroken, ObjectiveError, RecordError, SpecError, revive
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.result.summary import best_of_search
from airflow_sparktune.study.retuning.decision import Outcome
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import TrialOrigin, TrialState
from benchmarks.simulated import Ending
from tests.driver.retuning.weeks import Play, Weeks, failing, noisy, repeats


@pytest.fixture
def weeks(tmp_path: Path) -> Weeks:
    return Weeks.within(tmp_path)


def is_incumbent(call: Call) -> bool:
    """Return the first trial of a study that has one."""
    return call.trial.number == 0


def test_three_weeks(weeks: Weeks) -> None:
    """The first week has a champion, the second keeps it, and the third replaces it after drift."""
    first = weeks.run("w1")
    assert first.decision is not None
    assert first.decision.outcome is Outcome.FIRST
    second = weeks.run("w2", seed=4)
    assert second.decision is not None
    assert (second.decision.outcome, second.decision.params) == (Outcome.KEPT, first.decision.params)
    third = weeks.run("w3", noisy(0.05), seed=5)
    assert third.decision is not None
    assert third.decision.outcome is Outcome.REPLACED
    assert abs(third.decision.params["x"] - 0.05) < abs(first.decision.params["x"] - 0.05)
    assert weeks.actions() == [Action.FIRST, Action.KEPT, Action.REPLACED]
    champion = weeks.record().current()
    assert champion is not None
    assert (champion.params, champion.study) == (third.decision.params, weeks.address("w3"))
    assert champion.evidence == third.decision.to_json()
    assert champion.loss == third.decision.winner.mean  # type: ignore[union-attr]


def test_a_score_is_compared_and_recorded_as_one(weeks: Weeks) -> None:
    """Reasons and the record's metric name the score; numbers in the record are losses."""

    def scored(optimum: float) -> Play:
        def play(call: Call) -> Ending:
            reply = noisy(optimum)(call).reply
            return Ending(1.0, reply=replace(reply, loss=reply.loss - 3))  # type: ignore[type-var, union-attr]

        return play

    first = weeks.run("w1", scored(0.5), maximize="auc")
    assert first.decision is not None
    assert re.search(r"has the best mean auc, (1\.99\d*|2\.0*) ±", first.decision.reason)
    third = weeks.run("w3", scored(0.05), seed=5, maximize="auc", retuning={"margin": "1%"})
    assert third.decision is not None
    assert third.decision.outcome is Outcome.REPLACED
    champion = weeks.record().current()
    assert champion is not None
    assert champion.metric.shown(champion.loss) == pytest.approx(2, abs=0.05)
    assert weeks.record().restore(1, at=1.8e9, by="ada").maximize == "auc"


def test_a_relative_margin_is_rejected_if_scores_have_both_signs(weeks: Weeks) -> None:
    def around_zero(call: Call) -> Ending:
        return Ending(1.0, reply=Reply(1.0, loss=call.params["x"] - 0.5))

    weeks.run("w1", around_zero, maximize="r2", max_evals=20)
    with pytest.raises(SpecError, match=r"in units of the r2 if its values have both signs, got '2%' with"):
        weeks.run(
            "w2", around_zero, maximize="r2", retuning={"incumbent": {"x": 0.9}, "margin": "2%"}, max_evals=20
        )


def test_the_incumbent_runs_first_on_todays_data(weeks: Weeks) -> None:
    """It counts towards max_evals; the repeats do not, and share their seeds among contenders."""
    first = weeks.run("w1")
    study = weeks.run("w2", seed=4)
    assert weeks.calls[0].params == first.decision.params  # type: ignore[union-attr]
    assert study.trials[0].origin is TrialOrigin.INCUMBENT
    assert study.finished == 12
    of = {trial.repeats for trial in repeats(study)}
    assert of == {0, *(item.number for item in study.decision.candidates)}  # type: ignore[union-attr]
    seeds: dict[int, set[int]] = {}
    for call in weeks.calls[12:]:
        seeds.setdefault(study.trials[call.trial.number].repeat, set()).add(call.trial.seed)  # type: ignore[arg-type]
    assert [len(each) for each in seeds.values()] == [1, 1, 1, 1, 1]
    assert not set().union(*seeds.values()) & {call.trial.seed for call in weeks.calls[:12]}


def test_repeats_do_not_affect_the_search(weeks: Weeks) -> None:
    """The best trial and the counts of the search do not include them."""
    weeks.run("w1")
    lucky = weeks.run(
        "w2", lambda call: Ending.ok(-9.0 if call.trial.purpose == "confirm" else call.params["x"])
    )
    assert lucky.best is not None
    assert lucky.best.loss != -9.0


class TestNoisySearch:
    """The algorithm has measured the noise, so the luckiest trial is not the result."""

    NOISY: ClassVar[dict[str, Any]] = {"algo": "gp", "max_evals": 40}

    def test_the_recommended_trial_is_the_first_candidate(self, weeks: Weeks) -> None:
        study = weeks.run("w1", noisy(0.5, noise=0.3), **self.NOISY)
        assert study.recommended is not None
        assert study.nominated is not None
        assert study.nominated.candidates[0] == study.recommended.trial != study.lowest.number  # type: ignore[union-attr]
        lowest = sorted(study.searched, key=lambda trial: trial.rank)
        assert study.nominated.candidates[1] == lowest[0].number

    def test_a_decision_takes_precedence(self, weeks: Weeks) -> None:
        study = weeks.run("w1", noisy(0.5, noise=0.3), **self.NOISY)
        found = summary(study)
        assert found.best_number == study.decision.number  # type: ignore[union-attr]
        assert (found.best_loss, found.noise) == (study.decision.loss, None)  # type: ignore[union-attr]

    def test_without_an_incumbent_it_goes_on_record_with_its_expected_loss(self, weeks: Weeks) -> None:
        study = weeks.run(
            "w1", noisy(0.5, noise=0.3), retuning={"incumbent": None}, warm_start="previous", **self.NOISY
        )
        assert study.recommended is not None
        (entry,) = weeks.record().history()
        assert entry.loss == study.recommended.loss == summary(study).best_loss
        assert entry.params == study.trials[study.recommended.trial].params
        assert entry.reason.startswith(f"trial {study.recommended.trial} has the best expected loss;")

    def test_a_higher_limit_makes_another_recommendation(self, weeks: Weeks) -> None:
        given = {"retuning": {"incumbent": None}, "algo": "gp"}
        first = weeks.run("w1", noisy(0.5, noise=0.3), max_evals=30, **given)
        second = weeks.run("w1", noisy(0.5, noise=0.3), max_evals=40, **given)
        assert first.recommended is not None
        assert second.recommended is not None
        assert first.recommended.loss != second.recommended.loss
        assert second.best is second.trials[second.recommended.trial]


def test_stopping_rules_ignore_the_incumbent(weeks: Weeks) -> None:
    """The incumbent may have reached loss_threshold already, and does not count as progress."""
    weeks.run("w1")
    study = weeks.run("w2", noisy(0.5, noise=0.0), seed=4, limits={"loss_threshold": 1.0005}, max_evals=40)
    assert study.finished > 1
    patient = weeks.run("w3", noisy(0.5, noise=0.0), seed=4, limits={"no_progress": 3}, max_evals=40)
    assert patient.closed is not None
    assert patient.closed.reason is StopReason.NO_PROGRESS
    assert patient.finished >= 4


def test_what_a_study_leaves_to_the_next_is_within_the_guardrails(weeks: Weeks) -> None:
    """Without an incumbent, no confirmation checks its best trial again."""

    def slow_below(call: Call) -> Ending:
        x = call.params["x"]
        return Ending(60.0, reply=Reply(60.0, loss=x, info={"ms": 80.0 if x < 0.5 else 20.0}))

    first = weeks.run("w1", slow_below, retuning={"incumbent": None, "guardrails": {"ms": {"max": 50}}})
    best = best_of_search(first)
    assert first.lowest is not None
    assert best is not None
    assert first.lowest.params["x"] < 0.5 <= best.params["x"]
    (entry,) = weeks.record().history()
    assert (entry.params, entry.loss) == (best.params, best.loss)
    second = weeks.run("w2", slow_below, retuning={"incumbent": None}, warm_start="previous", seed=4)
    assert second.trials[0].params == best.params


def test_previous_and_given_incumbents(weeks: Weeks) -> None:
    """`previous` is the winner of the last study, even if that study had no incumbent."""
    first = weeks.run("w1", retuning={"incumbent": None})
    assert weeks.actions() == [Action.TUNED]
    assert first.decision is None
    second = weeks.run("w2", retuning={"incumbent": "previous"}, seed=4)
    assert second.starts.incumbent.params == first.best.params  # type: ignore[union-attr]
    third = weeks.run("w3", retuning={"incumbent": {"x": 0.25}}, seed=5)
    assert third.starts.incumbent.source == "given"  # type: ignore[union-attr]
    assert third.trials[0].params == {"x": 0.25}


def test_each_segment_keeps_its_own_champion(weeks: Weeks) -> None:
    fr = weeks.run("w1", noisy(0.2), segment="fr")
    de = weeks.run("w2", noisy(0.8), segment="de", seed=4)
    assert (fr.decision.outcome, de.decision.outcome) == (Outcome.FIRST, Outcome.FIRST)  # type: ignore[union-attr]
    assert weeks.record("fr").current().params == fr.decision.params  # type: ignore[union-attr]
    assert weeks.record("de").current().params == de.decision.params  # type: ignore[union-attr]


def test_manual_promotion_keeps_the_old_champion(weeks: Weeks) -> None:
    """A proposal that was never promoted does not become the incumbent."""
    weeks.run("w1")
    champion = weeks.record().current()
    study = weeks.run("w2", noisy(0.05), seed=4, retuning={"promote": "manual"})
    assert study.decision.outcome is Outcome.REPLACED  # type: ignore[union-attr]
    assert weeks.record().current() == champion
    third = weeks.run("w3", noisy(0.05), seed=5)
    assert third.starts.incumbent.params == champion.params  # type: ignore[union-attr]
    assert weeks.actions() == [Action.FIRST, Action.PROPOSED, Action.REPLACED]


def test_the_next_week_compares_with_a_restored_champion(weeks: Weeks) -> None:
    first = weeks.run("w1")
    weeks.run("w2", noisy(0.05), seed=4)
    weeks.record().restore(1, at=9.0, by="ada")
    third = weeks.run("w3", seed=5)
    assert third.starts.incumbent.params == first.decision.params  # type: ignore[union-attr]
    assert third.starts.incumbent.entry == 3  # type: ignore[union-attr]


class TestMismatch:
    """The champion no longer fits the space."""

    SPACE: ClassVar[dict[str, Any]] = {"space": {"x": {"uniform": [0, 0.1]}}, "seed": 4}

    def test_it_is_evaluated_unchanged(self, weeks: Weeks) -> None:
        weeks.run("w1")
        study = weeks.run("w2", **self.SPACE)
        incumbent = study.starts.incumbent  # type: ignore[union-attr]
        assert incumbent.problem.startswith("params['x'] must be a number from 0 to 0.1, got 0.")
        assert (study.trials[0].state, study.trials[0].point) == (TrialState.OK, {})
        assert study.decision.outcome is Outcome.KEPT  # type: ignore[union-attr]

    def test_it_is_dropped(self, weeks: Weeks) -> None:
        weeks.run("w1")
        study = weeks.run("w2", **self.SPACE, retuning={"on_mismatch": "drop"})
        assert study.decision.outcome is Outcome.REPLACED  # type: ignore[union-attr]
        assert "no longer fits the space and was dropped" in study.decision.reason  # type: ignore[union-attr]
        assert study.trials[0].origin is TrialOrigin.SAMPLER

    def test_it_fails_the_study(self, weeks: Weeks) -> None:
        weeks.run("w1")
        with pytest.raises(
            SpecError, match=r"the incumbent must fit the space, but params\['x'\] .* from 0 to 0.1"
        ):
            weeks.run("w2", **self.SPACE, retuning={"on_mismatch": "fail"})
        assert weeks.study("w2").closed.error["retryable"] is False  # type: ignore[index, union-attr]


class TestBrokenIncumbent:
    def test_it_fails_the_study_at_once(self, weeks: Weeks) -> None:
        weeks.run("w1")
        with pytest.raises(IncumbentBroken, match="failed on today's data: ValueError: no such column; fix"):
            weeks.run("w2", failing(noisy(0.5), when=is_incumbent), capacity=1, seed=4)
        study = weeks.study("w2")
        assert study.finished == 1
        assert isinstance(revive(study.closed.error), IncumbentBroken)  # type: ignore[union-attr, arg-type]
        assert weeks.actions() == [Action.FIRST]

    def test_it_is_replaced(self, weeks: Weeks) -> None:
        weeks.run("w1")
        study = weeks.run(
            "w2", failing(noisy(0.5), when=is_incumbent), seed=4, retuning={"on_broken": "replace"}
        )
        assert study.decision.outcome is Outcome.REPLACED  # type: ignore[union-attr]
        assert "failed on today's data: ValueError: no such column" in study.decision.reason  # type: ignore[union-attr]

    def test_its_repeats_fail(self, weeks: Weeks) -> None:
        """Too few pairs are left for a decision."""
        champion = weeks.run("w1").decision.params  # type: ignore[union-attr]
        play = failing(
            noisy(0.5), when=lambda call: call.trial.purpose == "confirm" and call.params == champion
        )
        with pytest.raises(IncumbentBroken, match="of 5 repeats of it failed"):
            weeks.run("w2", play, seed=4)
        study = weeks.run("w3", play, seed=5, retuning={"on_broken": "replace"})
        assert study.decision.outcome is Outcome.REPLACED  # type: ignore[union-attr]


def test_a_guardrail_needs_a_metric_of_the_objective(weeks: Weeks) -> None:
    """The error is raised at the first successful trial, not after the search."""
    with pytest.raises(
        ObjectiveError, match="got 'latncy', but besides the loss it returns latency; did you"
    ):
        weeks.run("w1", noisy(0.5, latency=3.0), retuning={"guardrails": {"latncy": {"max": 5}}}, capacity=1)
    assert weeks.study("w1").finished == 1


def test_a_guardrail_without_its_metric_blocks_every_attempt(weeks: Weeks) -> None:
    """The next attempt does not run the trials without the metric again, so it must not go on."""
    given: dict[str, Any] = {
        "retuning": {"guardrails": {"recall": {"max_drop": "1%"}}},
        "capacity": 1,
    }
    with pytest.raises(ObjectiveError, match="got 'recall', but besides the loss it returns none"):
        weeks.run("w1", noisy(0.5), **given)
    for _ in range(2):
        with pytest.raises(ObjectiveError, match=r"trial 0 has ended without it, so mend .* another study"):
            weeks.run("w1", noisy(0.5, recall=0.9), **given)
        assert weeks.study("w1").finished == 1


def test_no_noise_is_said_in_log_and_shell(weeks: Weeks, caplog: pytest.LogCaptureFixture) -> None:
    weeks.run("w1", noisy(0.5, noise=0.0))
    with caplog.at_level("INFO"):
        study = weeks.run("w2", noisy(0.05, noise=0.0), seed=4)
    assert study.decision is not None
    assert study.decision.noise is False
    said = re.compile(r"replaced: trial \d+ is better by [\d.]+ \(5 pairs, no noise was measured\)")
    assert said.search(caplog.text)
    shown = CliRunner().invoke(show_command, [weeks.address("w2")])
    assert said.search(shown.output)


def test_a_first_champion_satisfies_the_guardrails(weeks: Weeks) -> None:
    with pytest.raises(
        ObjectiveError, match=r"at least one candidate must .* within the guardrails, but none of 3"
    ):
        weeks.run("w1", noisy(0.5, latency=9.0), retuning={"guardrails": {"latency": {"max": 5}}})


def test_a_relative_margin_is_rejected_if_losses_have_both_signs(weeks: Weeks) -> None:
    def play(call: Call) -> Ending:
        return Ending.ok(call.params["x"] - 0.5)

    with pytest.raises(SpecError, match=r"retuning.margin must be a number in units of the loss"):
        weeks.run("w1", play, retuning={"incumbent": {"x": 0.9}, "margin": "2%"})


def test_a_share_of_the_timeout_is_reserved_for_the_confirmation(weeks: Weeks) -> None:
    """The search ends after three quarters of the timeout, so that time is left for the repeats."""
    weeks.run("w1")
    study = weeks.run("w2", seed=4, max_evals=1000, timeout=60)
    assert study.closed.reason is StopReason.TIMEOUT  # type: ignore[union-attr]
    assert 4 * 44 <= study.finished <= 4 * 45
    assert len(repeats(study)) == 20
    assert study.elapsed_s < 60


def test_a_confirmation_ended_by_the_timeout_keeps_the_incumbent(weeks: Weeks) -> None:
    weeks.run("w1")
    slow = noisy(0.05)

    def play(call: Call) -> Ending:
        ending = slow(call)
        return Ending(20.0 if call.trial.purpose == "confirm" else 1.0, reply=ending.reply)

    study = weeks.run("w2", play, seed=4, timeout=40)
    assert study.decision.outcome is Outcome.KEPT  # type: ignore[union-attr]
    assert "the timeout cut the confirmation off after" in study.decision.reason  # type: ignore[union-attr]
    assert weeks.actions() == [Action.FIRST, Action.KEPT]


def test_a_study_that_ends_before_its_incumbent_is_measured_keeps_it(weeks: Weeks) -> None:
    weeks.run("w1")

    def play(call: Call) -> Ending:
        return Ending(1e6 if is_incumbent(call) else 1.0, reply=noisy(0.5)(call).reply)

    study = weeks.run("w2", play, seed=4, timeout=20)
    assert study.decision.outcome is Outcome.KEPT  # type: ignore[union-attr]
    assert "before the incumbent was measured" in study.decision.reason  # type: ignore[union-attr]


def test_the_confirmation_has_its_own_arguments() -> None:
    """Trials of a confirmation get the hold-out; its losses are not compared with search losses."""
    from airflow_sparktune.executor.imported import ImportedObjective
    from airflow_sparktune.executor.objective import TrialContext

    task = ImportedObjective("m:f", {"rows": "search", "by": 1}, None, {"rows": "holdout"})
    assert task.kwargs_of(TrialContext(0, 1, 1, 1)) == {"rows": "search", "by": 1}
    assert task.kwargs_of(TrialContext(0, 1, 1, 1, "confirm")) == {"rows": "holdout", "by": 1}


def test_a_torn_record_fails_the_study(tmp_path: Path) -> None:
    weeks = Weeks(str(tmp_path))
    weeks.run("w1")
    folder = Path(weeks.record().address)
    (folder / "00000002.json").write_bytes(b"{")
    with pytest.raises(RecordError, match="an entry of the record of champions must be valid"):
        weeks.run("w2", seed=4)
    error: Any = weeks.study("w2").closed.error  # type: ignore[union-attr]
    assert (error["type"], error["retryable"]) == ("RecordError", False)
