"""The tuner stops trials early, journals what they report, and knows it again after a crash."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from airflow_sparktune.driver.loop.trial_queue import Start
from airflow_sparktune.driver.progress_log import ProgressLog
from airflow_sparktune.driver.pruners.base import Curves
from airflow_sparktune.driver.reports.judge import MOST_KEPT, Judge
from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.reports.report import Answer, Report
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialPurpose, TrialState
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import World

OK, PRUNED, RUNNING = TrialState.OK, TrialState.PRUNED, TrialState.RUNNING
HERE = "tests.driver.tuner.test_pruning"
STEPS = 10


class AtThree:
    """Stops every trial with an odd number at step 3."""

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        return step == 3 and number % 2 == 1


class Broken:
    def stops(self, number: int, step: int, curves: Curves) -> bool:
        raise RuntimeError("no curve here")


def learns(call: Call) -> Ending:
    """Play trials of ten seconds that report each second; the loss falls from x + 1 to x."""
    x = call.params["x"]
    return Ending(
        10.0, reply=Reply(10.0, loss=x), curve=[x + 1 - step / STEPS for step in range(1, STEPS + 1)]
    )


def lengths(curves: Mapping[int, object]) -> dict[int, int]:
    return {number: len(curve.steps) for number, curve in curves.items()}  # type: ignore[attr-defined]


@pytest.mark.parametrize("capacity", [1, 4])
def test_pruned_trials_free_their_slots_count_and_keep_their_curves(capacity: int) -> None:
    world = World()
    start = world.clock()
    reason = world.attempt(learns, capacity=capacity, max_evals=12, pruner=f"{HERE}:AtThree")
    assert reason is StopReason.MAX_EVALS
    assert (world.numbers(OK), world.numbers(PRUNED)) == (list(range(0, 12, 2)), list(range(1, 12, 2)))
    study = world.storage.study()
    assert lengths(study.curves) == {number: 3 if number % 2 else STEPS for number in range(12)}
    pruned = study.trials[1]
    assert (pruned.loss, pruned.run_s) == (None, 3.0)
    assert study.curves[1].losses == pytest.approx(
        [pruned.params["x"] + 1 - step / STEPS for step in (1, 2, 3)]
    )
    assert world.clock() - start <= (6 * 10 + 6 * 3) / capacity + 10


def test_without_a_pruner_the_curves_are_kept() -> None:
    world = World()
    world.attempt(learns, max_evals=3)
    assert world.numbers(OK) == [0, 1, 2]
    assert lengths(world.storage.study().curves) == {0: STEPS, 1: STEPS, 2: STEPS}


def test_the_log_says_at_which_step(caplog: pytest.LogCaptureFixture) -> None:
    """And of how many, once a trial has run to its end, in this attempt or an earlier one."""
    caplog.set_level(logging.INFO)
    world = World()
    world.attempt(learns, max_evals=2, pruner=f"{HERE}:AtThree")
    study, (completed, pruned) = world.recorder.study, world.trials.values()
    resumed = ProgressLog(study)
    curve = study.curves.pop(0)
    first = ProgressLog(study)
    first.trial(pruned)
    study.curves[0] = curve
    first.trial(completed)
    first.trial(pruned)
    resumed.trial(pruned)
    told = [message.partition("trial 1 ")[2] for message in caplog.messages if "trial 1 pruned" in message]
    loss = f"loss={pruned.params['x'] + 0.7:.4g} 3.0 s"
    for line, steps in zip(told, ("3", "3 of ~10", "3 of ~10"), strict=True):
        assert line.startswith(f"pruned at step {steps} {loss}")


@pytest.mark.parametrize("maximize", [None, "accuracy"])
def test_a_trial_knows_whether_its_study_maximises(maximize: str | None) -> None:
    world = World()
    world.attempt(max_evals=1, maximize=maximize)
    (call,) = world.slots.calls
    assert call.trial.maximize is (maximize is not None)


def test_points_that_people_gave_are_never_stopped() -> None:
    given = Start(Suggestion({"x": 0.5}, {"x": 0.5}), TrialOrigin.GIVEN)
    world = World()
    world.attempt(learns, max_evals=4, starts=[given, given, given], pruner=f"{HERE}:AtThree")
    assert (world.numbers(OK), world.numbers(PRUNED)) == ([0, 1, 2], [3])


def test_a_trial_at_its_last_step_is_not_stopped() -> None:
    """It has cost all that it can cost. The longest trial that has finished tells where that is."""
    steps = {0: 3, 1: 3, 2: 5, 3: 5}

    def play(call: Call) -> Ending:
        return Ending(10.0, reply=Reply(10.0, loss=1.0), curve=[1.0] * steps[call.trial.number])

    world = World()
    world.attempt(play, max_evals=4, pruner=f"{HERE}:AtThree")
    assert (world.numbers(OK), world.numbers(PRUNED)) == ([0, 1, 2], [3])
    assert lengths(world.storage.study().curves) == {0: 3, 1: 3, 2: 5, 3: 3}


def test_a_broken_pruner_ends_pruning_and_not_the_study(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.attempt(learns, max_evals=3, pruner=f"{HERE}:Broken")
    assert world.numbers(OK) == [0, 1, 2]
    assert [record.message for record in caplog.records if "goes on without it" in record.message] != []


def test_a_resumed_study_knows_the_curves_of_earlier_attempts() -> None:
    """The trials that ran go on from their start, with a new curve; the last second of theirs may be gone."""
    limits = {"max_evals": 30, "pruner": "median"}
    world = World()
    world.interrupt(learns, capacity=3, ends=12, **limits)
    before = world.storage.study()
    running = world.numbers(RUNNING)
    assert running
    assert all(number in before.curves for number in world.numbers(OK))
    world.attempt(learns, capacity=3, **limits)
    study = world.storage.study()
    assert study.finished == 30
    assert {number: study.curves[number] for number in world.numbers(OK) if number < running[0]} == {
        number: before.curves[number] for number in world.numbers(OK) if number < running[0]
    }
    for number, trial in study.trials.items():
        steps = study.curves[number].steps
        assert steps == list(range(1, len(steps) + 1)), "a curve of two tries"
        assert trial.state is PRUNED or len(steps) == STEPS


def test_the_reports_of_all_trials_are_written_once_a_second() -> None:
    """Twenty trials report ten times a second each."""

    def play(call: Call) -> Ending:
        return Ending(10.0, reply=Reply(10.0, loss=1.0), curve=[1.0] * 100)

    world = World()
    writes = []
    write = world.storage.write
    world.storage.write = lambda name, data: (writes.append(name), write(name, data))[1]  # type: ignore[method-assign]
    world.attempt(play, slots=SimulatedLane(world.clock, play, capacity=20, look_s=0.01), max_evals=20)
    assert lengths(world.storage.study().curves) == dict.fromkeys(range(20), 100)
    assert len(writes) <= 10 + 5


def test_lost_reports_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    def play(call: Call) -> Ending:
        return Ending(1.0, reply=Reply(1.0, loss=1.0, unreported="driver:7078 cannot be reached: timed out"))

    world = World()
    world.attempt(play, capacity=2, max_evals=6)
    assert world.numbers(OK) == list(range(6))
    said = [message for message in caplog.messages if "go on without pruning" in message]
    assert said == [
        "trials go on without pruning, because reports are lost: driver:7078 cannot be reached: timed out"
    ]
    assert world.storage.study().reports_lost == "driver:7078 cannot be reached: timed out"


class TestJudge:
    TRIAL = Trial(number=3, params={}, point={"x": 1}, attempt=2, tries=2)
    REPORT = Report(trial=3, attempt=2, tries=2, step=1, loss=0.5)

    @pytest.fixture
    def judge(self) -> Judge:
        judge = Judge(AtThree(), Metric.of("accuracy"))
        judge.begin(self.TRIAL)
        return judge

    def test_other_tries_and_trials_are_refused(self, judge: Judge) -> None:
        for other in ({"tries": 1}, {"attempt": 1}, {"trial": 4}):
            wrong = Report(**{**self.REPORT.to_json(), **other})
            assert judge.receive(wrong) is Answer.REFUSED
        assert judge.take() == ()
        assert judge.receive(self.REPORT) is Answer.CONTINUE

    def test_a_trial_that_has_ended_is_refused(self, judge: Judge) -> None:
        judge.end(self.TRIAL)
        assert judge.receive(self.REPORT) is Answer.REFUSED

    def test_a_report_that_comes_twice_is_refused(self, judge: Judge) -> None:
        judge.receive(self.REPORT)
        assert judge.receive(self.REPORT) is Answer.REFUSED
        (kept,) = judge.take()
        assert kept.steps == [1]

    def test_scores_are_journalled_as_losses(self, judge: Judge) -> None:
        judge.receive(self.REPORT)
        (kept,) = judge.take()
        assert kept.losses == [-0.5]

    def test_a_confirmation_is_never_stopped(self, judge: Judge) -> None:
        repeat = Trial(number=5, params={}, point={"x": 1}, purpose=TrialPurpose.CONFIRM, repeats=3, repeat=1)
        judge.begin(repeat)
        for step in range(1, STEPS):
            assert judge.receive(Report(5, 1, 1, step, 9.0)) is Answer.CONTINUE
        (kept,) = judge.take()
        assert len(kept.steps) == STEPS - 1

    def test_the_incumbent_is_never_stopped(self, judge: Judge) -> None:
        judge.begin(Trial(number=7, params={}, point={"x": 1}, origin=TrialOrigin.INCUMBENT))
        assert judge.receive(Report(7, 1, 1, 3, 9.0)) is Answer.CONTINUE

    def test_endless_reports_are_judged_and_not_kept(self) -> None:
        judge = Judge(None, Metric())
        judge.begin(Trial(number=0, params={}, point={"x": 1}))
        for step in range(MOST_KEPT + 5):
            assert judge.receive(Report(0, 1, 1, step, 0.5)) is Answer.CONTINUE
        (kept,) = judge.take()
        assert len(kept.steps) == MOST_KEPT

    def test_a_study_without_curves_teaches_nothing(self) -> None:
        Judge(AtThree(), Metric()).learn(Study())
