from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_sparktune.errors import ObjectiveError, describe
from airflow_sparktune.study.definition import Retuning, Spec, nested
from airflow_sparktune.study.journal.events import (
    Alive,
    Closed,
    Decided,
    Event,
    Recommended,
    SlotsChanged,
    TrialChanged,
    from_json,
)
from airflow_sparktune.study.result import iso, summary, trial_row
from airflow_sparktune.study.result.texts import best_text, texts
from airflow_sparktune.study.retuning.decision import Decision, Measured, Outcome, Standing
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialOrigin, TrialPurpose, TrialState
from tests.study.journal_samples import BEGAN, SPEC, closed, opened, trial, trial_data


def replayed(*events: Event) -> Study:
    study = Study()
    for event in events:
        study.apply(event)
    return study


@pytest.mark.parametrize(
    ("reason", "stands"),
    [
        ("max_evals", True),
        ("timeout", True),
        ("loss_threshold", True),
        ("no_progress", True),
        ("max_failures", True),
        ("killed", False),
        ("error", False),
    ],
)
def test_which_ends_leave_a_result(reason: str, stands: bool) -> None:
    """A study that reached a limit has a result; one whose driver was killed is continued."""
    assert replayed(opened(), trial(0, 0.5), closed(reason)).result_stands is stands


@pytest.mark.parametrize(
    ("reason", "asked", "answers"),
    [
        ("max_evals", {"max_evals": 1}, True),
        ("max_evals", {"max_evals": 2}, False),
        ("max_evals", {"max_evals": 1, "timeout": 600}, True),
        ("max_evals", {"max_evals": None, "limits.max_failures": None, "timeout": 600}, False),
        ("timeout", {}, True),
        ("timeout", {"timeout": 600}, False),
        ("timeout", {"max_evals": 500}, True),
        ("loss_threshold", {"limits.loss_threshold": 0.1}, False),
        ("no_progress", {"limits.no_progress": 9}, False),
        ("no_progress", {"limits.min_improvement": 0.5}, False),
        ("max_failures", {"limits.max_failures": 9}, False),
        ("max_failures", {"max_evals": 500}, False),
        ("timeout", {"objective": "other:loss"}, False),
    ],
)
def test_for_which_specs_a_result_stands(reason: str, asked: dict[str, object], answers: bool) -> None:
    """A result is valid for the same identity, unless the limit that ended the study has changed."""
    spec = {**SPEC.values(), "limits.max_failures": 0.25}
    study = replayed(opened(spec=Spec.of(**nested(spec))), trial(0, 0.5), closed(reason))
    assert study.answers(Spec.of(**nested({**spec, **asked}))) is answers


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([trial(0, 0.5)], id="still open"),
        pytest.param([trial(0), closed()], id="nothing succeeded"),
        pytest.param([trial(0, 0.5), closed(error={"type": "ObjectiveError"})], id="a verdict"),
        pytest.param([trial(0, 0.5), closed(), opened(2)], id="opened again"),
    ],
)
def test_when_there_is_no_result(events: list[Event]) -> None:
    """A study has no result without an end, without a successful trial, or with an error."""
    assert not replayed(opened(), *events).result_stands


def test_a_trial_that_runs_again_loses_its_old_loss() -> None:
    """`best` follows the states of the trials, even if the best trial runs again."""
    study = replayed(opened(), trial(0, 0.5), trial(1, 0.25), trial(1))
    assert study.best is not None
    assert study.best.number == 0
    study.apply(trial(0))
    assert study.best is None


class TestRecommended:
    """The search ends with trial 1 as its lowest loss, and recommends trial 0."""

    RECOMMENDED = Recommended(trial=0, loss=0.375, noise=0.125)
    EVENTS = (opened(), trial(0, 0.5), trial(1, 0.25), RECOMMENDED, closed())

    def test_it_is_the_best(self) -> None:
        found = summary(replayed(*self.EVENTS))
        assert (found.best_number, found.best_loss, found.noise) == (0, 0.375, 0.125)
        assert best_text(found) == "0.375 (trial 0 after 0 s; expected, single trials vary by ± 0.13)"

    def test_without_one_the_lowest_loss_is_the_best(self) -> None:
        study = replayed(*self.EVENTS[:3])
        found = summary(study)
        assert (found.best_number, found.best_loss, found.noise) == (1, 0.25, None)
        assert best_text(found) == "0.25 (trial 1 after 1 s)"

    def test_negative_noise_is_malformed(self) -> None:
        with pytest.raises(ValueError, match="noise of the event cannot be -1"):
            from_json({"event": "recommended", "trial": 0, "loss": 0.5, "noise": -1})

    def test_a_study_that_goes_on_makes_a_new_one(self) -> None:
        study = replayed(*self.EVENTS, opened(2), trial(2))
        assert study.best is not None
        assert (study.best.number, study.recommended) == (1, None)

    def test_repeats_of_a_confirmation_leave_it(self) -> None:
        repeat = trial(2, 0.1, purpose=TrialPurpose.CONFIRM, repeats=0, repeat=1)
        assert summary(replayed(*self.EVENTS, repeat)).best_number == 0

    @pytest.mark.parametrize("number", [7, 1])
    def test_one_of_an_unknown_or_unsuccessful_trial_does_not_count(self, number: int) -> None:
        wrong = Recommended(trial=number, loss=0.1, noise=0.1)
        assert summary(replayed(opened(), trial(0, 0.5), trial(1), wrong)).best_number == 0


def test_running_time_sums_the_attempts() -> None:
    """elapsed_s sums each attempt from its opening to its last event, without the time in between."""
    study = replayed(
        opened(), trial(0, 0.5, at=BEGAN + 10), opened(2, at=BEGAN + 1000), closed(at=BEGAN + 1005)
    )
    assert study.elapsed_s == 15


def test_a_killed_attempt_ran_until_its_last_sign_of_life() -> None:
    """An alive event extends the running time, and changes nothing else."""
    study = replayed(opened(), trial(0, at=BEGAN), Alive(at=BEGAN + 30))
    assert study.elapsed_s == 30
    assert study.trials == replayed(opened(), trial(0, at=BEGAN)).trials


def test_a_clock_set_back_does_not_shorten_an_attempt() -> None:
    """An event with an earlier timestamp than the previous one does not shorten an attempt."""
    assert replayed(opened(), trial(0, 0.5, at=BEGAN + 10), closed(at=BEGAN - 50)).elapsed_s == 10


def test_only_trials_that_ended_by_themselves_count() -> None:
    """`finished` counts ok, failed and pruned trials, but not running and cancelled ones."""
    study = replayed(opened())
    for number, state in enumerate(TrialState):
        study.apply(trial(number, 0.5 if state is TrialState.OK else None))
        loss = 0.5 if state is TrialState.OK else None
        ended = replace(trial(number).trial, state=state, loss=loss, end=BEGAN + 9)
        study.apply(TrialChanged(at=BEGAN + 9, trial=ended))
    assert study.finished == 3


@pytest.mark.parametrize("state", [state for state in TrialState if state is not TrialState.OK])
def test_a_loss_belongs_to_a_completed_trial_only(state: TrialState) -> None:
    """A trial refuses a loss in another state; one in a journal is dropped, and the event still counts."""
    with pytest.raises(ValueError, match="must have a loss if it is ok, and none otherwise"):
        replace(trial(0).trial, state=state, loss=-9.0)
    with pytest.raises(ValueError, match="must have a loss if it is ok, and none otherwise"):
        replace(trial(0, 0.5).trial, loss=None)
    study = replayed(opened(), trial(0, 0.5), from_json(trial_data(state=state, loss=-9.0)))
    assert (study.trials[1].state, study.trials[1].loss) == (state, None)
    assert study.lowest is study.trials[0]


def test_changes_identify_new_trials() -> None:
    """changed[n] > k holds for the trials that have changed since `changes` was k."""
    study = replayed(opened(), trial(0), trial(1))
    before = study.changes
    study.apply(trial(1, 0.5))
    assert [number for number, at in study.changed.items() if at > before] == [1]
    assert study.changes == 4


def test_the_summary_of_an_empty_study() -> None:
    """An empty study has a summary too."""
    told = summary(Study())
    assert told.trials == 0
    assert told.best_loss is None
    assert told.utilisation is None


def test_the_summary_as_json() -> None:
    """The summary has counts, the best trial, the stop reason and the timing as JSON."""
    study = replayed(
        opened(),
        SlotsChanged(at=BEGAN, slots=2),
        trial(0, at=BEGAN),
        trial(0, 0.5, at=BEGAN),
        trial(1, at=BEGAN),
        closed(at=BEGAN + 1, timing={"ask_s": 0.1}),
    )
    told = summary(study).to_json()
    assert json.loads(json.dumps(told)) == told
    assert told["counts"] == {"running": 1, "ok": 1, "failed": 0, "pruned": 0, "cancelled": 0}
    assert (told["best_number"], told["best_loss"], told["best_params"]) == (0, 0.5, {"lr": 0.1})
    assert (told["stop_reason"], told["attempts"], told["timing"]) == ("max_evals", 1, {"ask_s": 0.1})
    assert (told["elapsed_s"], told["trials_s"], told["utilisation"]) == (1.0, 0.5, 0.75)
    assert told["started"] == iso(BEGAN)


def test_pruning_saves_the_mean_run_time_of_completed_trials_minus_that_of_the_pruned_ones() -> None:
    """One that ran longer than the mean saved nothing; an adopted one saved time in another study."""

    def ended(number: int, state: TrialState, took_s: float, **more: Any) -> Event:
        loss = 1.0 if state is TrialState.OK else None
        begun = trial(number, **more).trial
        return TrialChanged(trial=begun.ended(state, end=BEGAN, run_s=took_s, loss=loss))

    completed = [ended(0, TrialState.OK, 3600), ended(1, TrialState.OK, 7200)]
    pruned = [ended(2, TrialState.PRUNED, 1800), ended(3, TrialState.PRUNED, 9000)]
    adopted = ended(4, TrialState.PRUNED, 0.0, origin=TrialOrigin.ADOPTED)
    reserved = Alive(at=BEGAN + 1, reserved=36_000.0)
    study = replayed(replace(opened(), reserved=0.0), *completed, *pruned, adopted, reserved)
    assert summary(study).saved_slot_hours == 1.0
    assert texts(summary(study))["cost"].endswith("; about 1 saved by pruning")
    assert summary(replayed(opened(), *completed)).saved_slot_hours is None
    assert summary(replayed(opened(), *pruned)).saved_slot_hours is None


def test_the_keys_of_the_summary_in_json() -> None:
    """XCom, `sparktune show --json` and the page read these keys."""
    assert set(summary(Study()).to_json()) == {
        *("objective", "algo", "maximize", "max_evals", "seed", "trials", "counts", "repeats"),
        *("best_number", "best_loss", "best_score", "best_params", "best_point", "best_after_s", "noise"),
        *("lowest_number", "lowest_loss", "lowest_within", "expected_loss", "confirmed_loss", "end"),
        *("segment", "decision", "decision_reason", "confirmation", "stop_reason", "error"),
        *("attempts", "slots", "started", "ended", "elapsed_s", "trials_s", "timing", "utilisation"),
        *("reserved_slot_hours", "used_slot_hours", "last_improvement_slot_hours", "saved_slot_hours"),
        *("code", "versions"),
    }


def test_the_best_trial_was_found_after_the_running_time_until_its_end() -> None:
    """Over all attempts, without the time between them, however long the study goes on."""
    study = replayed(opened(), trial(0, at=BEGAN), trial(0, 0.5, at=BEGAN + 10))
    assert summary(study).best_after_s == 10.0
    for event in (opened(2, at=BEGAN + 1000), trial(1, 0.25, at=BEGAN + 1003), closed(at=BEGAN + 1009)):
        study.apply(event)
    assert summary(study).best_after_s == 13.0
    assert texts(summary(study))["best loss"] == "0.25 (trial 1 after 13 s)"
    assert summary(replayed(opened(), trial(0))).best_after_s is None


def test_the_best_loss_is_the_confirmed_one_else_the_expected_else_the_lowest() -> None:
    """After a decision without a measurement there is none."""
    measured = Measured(number=0, params={"lr": 0.1}, n=5, mean=0.4, standing=Standing.WON)
    decided = Decision(outcome=Outcome.FIRST, reason="", params={"lr": 0.1}, number=0, candidates=(measured,))
    study = replayed(opened(), trial(0, 0.5), trial(1, 0.25))
    losses = [summary(study).best_loss]
    for event in (
        Recommended(trial=0, loss=0.375, noise=0.125),
        Decided(at=BEGAN, decision=decided),
        Decided(at=BEGAN, decision=decided.outdated("restored", params={"lr": 0.2})),
    ):
        study.apply(event)
        losses.append(summary(study).best_loss)
    assert losses == [0.25, 0.375, 0.4, None]


def test_the_texts_name_the_best_and_the_lowest_loss() -> None:
    """After a decision they are different numbers, of different trials."""
    measured = Measured(number=0, params={"lr": 0.1}, n=5, mean=0.4, standing=Standing.WON)
    decided = Decision(outcome=Outcome.FIRST, reason="", params={"lr": 0.1}, number=0, candidates=(measured,))
    study = replayed(opened(), trial(0, 0.5), trial(1, 0.25), Decided(at=BEGAN, decision=decided))
    lines = texts(summary(study))
    assert lines["best loss"] == "0.4 (trial 0 after 0 s; confirmed by 5 repeats)"
    assert lines["lowest loss"] == "0.25 (trial 1, in the search)"
    study.apply(Decided(at=BEGAN, decision=decided.outdated("restored", params={"lr": 0.2})))
    lines = texts(summary(study))
    assert (lines["best loss"], lines["best params"]) == ("not measured", "lr=0.2")


@pytest.mark.parametrize(("rails", "best"), [({"ms": {"max": 50}}, 1), ({"ms": {"each_min": 90}}, None)])
def test_a_trial_that_violates_a_guardrail_is_never_the_best(rails: Any, best: int | None) -> None:
    """Trial 0 has the lowest loss, and is too slow; trial 2 did not return what the guardrail limits."""
    spec = replace(SPEC, retuning=Retuning(incumbent="champion", guardrails=rails))
    study = replayed(
        opened(spec=spec), trial(0, 0.25, info={"ms": 80}), trial(1, 0.5, info={"ms": 20}), trial(2, 0.3)
    )
    found = summary(study)
    assert (found.best_number, found.lowest_number) == (best, 0)
    assert (found.best_loss, found.lowest_loss) == (None if best is None else 0.5, 0.25)
    assert texts(found)["lowest loss"] == "0.25 (trial 0, beyond a guardrail)"
    study.apply(Recommended(trial=0, loss=0.375, noise=0.125))
    found = summary(study)
    assert (found.best_number, found.expected_loss) == (best, None)


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (closed(), "reached max_evals (20)"),
        (closed("killed"), "killed"),
        (closed("stopped"), "stopped by a user"),
        (closed("timeout"), "reached timeout"),
        (closed("error", error=describe(ObjectiveError("no such module\nat all"))), "failed: no such module"),
    ],
)
def test_the_end_of_a_study_in_words(end: Closed, text: str) -> None:
    found = summary(replayed(opened(), end))
    assert (found.end, texts(found)["ended"]) == (text, text)


def test_a_trial_that_never_started_used_no_time() -> None:
    """A trial that was cancelled before its start adds no time."""
    never = replace(trial(0).trial, start=None, end=BEGAN, state=TrialState.CANCELLED)
    study = replayed(opened(), trial(0), TrialChanged(at=BEGAN, trial=never))
    assert summary(study).trials_s == 0


def test_a_trial_that_ends_before_its_start_counts_as_zero_seconds() -> None:
    """A trial that ends before its start by the clock counts as zero seconds."""
    back = replace(trial(0).trial, end=BEGAN - 50, state=TrialState.CANCELLED)
    odd = from_json({"event": "weather", "at": BEGAN, "timing": "fine"})
    study = replayed(opened(), trial(0), TrialChanged(at=BEGAN, trial=back), odd)
    assert (summary(study).trials_s, summary(study).timing) == (0.0, {})


def test_adopted_trials_use_no_slots() -> None:
    """Trials adopted from another study add no time to this one."""
    slots = SlotsChanged(at=BEGAN, slots=1)
    study = replayed(opened(), trial(0, 0.5), slots, closed(at=BEGAN + 100))
    assert (summary(study).trials_s, summary(study).utilisation) == (0.0, 0.0)


def test_a_trial_goes_to_json_and_back() -> None:
    """All fields of a trial survive a JSON round trip."""
    made = Trial(
        number=3,
        params={"lr": 0.1, "layers": [64, 32]},
        point={"lr": 0.1, "layers": 1},
        start=BEGAN,
        slot=1,
        attempt=2,
        tries=3,
        origin=TrialOrigin.GIVEN,
        suggested_by="gp: branch",
    ).ended(
        TrialState.FAILED,
        end=BEGAN + 1,
        run_s=0.75,
        error=Failure(FailureKind.LOST, "gone", "Traceback ..."),
        info={"epochs": 3},
    )
    data = json.loads(json.dumps(made.to_json()))
    assert Trial.from_json(data) == made
    assert Trial.from_json({**data, "weather": "fine"}) == made
    row = trial_row(made)
    assert json.loads(json.dumps(row)) == row
    assert (row["start"], row["error"]["kind"], row["loss"]) == (iso(BEGAN), "lost", None)
    assert (row["origin"], row["suggested_by"]) == ("given", "gp: branch")


def test_trials_without_an_origin_came_from_the_sampler() -> None:
    """Trials in journals without origins come from the sampler."""
    data = trial(0, 0.5).trial.to_json()
    del data["origin"]
    assert Trial.from_json(data).origin is TrialOrigin.SAMPLER


def test_a_study_keeps_its_spec() -> None:
    """The spec of an Opened event reads back equal."""
    assert replayed(opened()).spec == SPEC
