"""Trials report, and are pruned where the objective runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from airflow_sparktune import TrialPruned, current_trial
from airflow_sparktune.executor.evaluate import Call, run
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.reports.report import Answer, Report
from airflow_sparktune.executor.reports.reporting import ReportingObjective
from airflow_sparktune.study.trial import TrialState

HERE = "tests.executor.test_reports"
TRIAL = TrialContext(number=3, seed=99, attempt=2, tries=1)


class Driver:
    """Prunes at a step; keeps what is reported."""

    def __init__(self, *, stop_at: float = math.inf, answer: Answer | None = Answer.CONTINUE) -> None:
        self.reports: list[Report] = []
        self._stop_at = stop_at
        self._answer = answer

    def answer(self, report: Report) -> Answer | None:
        self.reports.append(report)
        return Answer.STOP if report.step >= self._stop_at else self._answer


def trains(params: Any, trial: TrialContext) -> float:
    """Report ten losses, and return the last."""
    for step in range(1, 11):
        trial.report(step, 1 / step, accuracy=0.5)
    return 0.1


def goes_on(params: Any, trial: TrialContext) -> float:
    """Swallow everything, as a retry decorator does."""
    for step in range(1, 11):
        try:
            trial.report(step, 1 / step)
        except BaseException:  # noqa: BLE001 - the test is about this
            params["caught"].append(step)
    return 0.1


def raises_after(params: Any, trial: TrialContext) -> float:
    try:
        trial.report(1, 0.5)
    except BaseException as error:
        raise RuntimeError("the training loop was left") from error
    return 0.1


def script(params: Any) -> float:
    current_trial().report(1, 0.5)
    return float(current_trial().number)


def state(name: str, driver: Driver | None) -> TrialState:
    reply, _ = run(ReportingObjective(ImportedObjective(f"{HERE}:{name}", {}), driver), Call({}, TRIAL))
    assert reply.failure is None
    return reply.state


def test_reports_name_their_trial_and_its_try() -> None:
    driver = Driver()
    assert state("trains", driver) is TrialState.OK
    assert driver.reports[1] == Report(
        trial=3, attempt=2, tries=1, step=2, loss=0.5, metrics={"accuracy": 0.5}
    )
    assert len(driver.reports) == 10


def test_a_pruned_trial_ends_at_once_without_a_loss() -> None:
    driver = Driver(stop_at=4)
    assert state("trains", driver) is TrialState.PRUNED
    assert len(driver.reports) == 4


@pytest.mark.parametrize("name", ["goes_on", "raises_after"])
def test_a_trial_whose_code_goes_on_is_pruned_too(name: str) -> None:
    """It is told at each report, sends no more, and what it returns or raises does not count."""
    driver = Driver(stop_at=1)
    caught: list[int] = []
    task = ReportingObjective(Loaded(goes_on if name == "goes_on" else raises_after), driver)
    reply, _ = run(task, Call({"caught": caught}, TRIAL))
    assert reply.state is TrialState.PRUNED
    assert caught in ([], list(range(1, 11)))
    assert len(driver.reports) == 1


def test_a_driver_that_cannot_be_reached_changes_nothing() -> None:
    driver = Driver(answer=None)
    assert state("trains", driver) is TrialState.OK
    assert len(driver.reports) == 10


def test_a_try_that_is_refused_sends_no_more() -> None:
    driver = Driver(answer=Answer.REFUSED)
    assert state("trains", driver) is TrialState.OK
    assert len(driver.reports) == 1


def test_a_script_finds_its_trial() -> None:
    driver = Driver()
    reply, _ = run(ReportingObjective(ImportedObjective(f"{HERE}:script", {}), driver), Call({}, TRIAL))
    assert (reply.loss, len(driver.reports)) == (3.0, 1)
    assert script({}) == 0.0  # called by a person


def test_a_pruned_trial_of_a_script() -> None:
    assert state("script", Driver(stop_at=1)) is TrialState.PRUNED


class TestTheArguments:
    @pytest.mark.parametrize("loss", [math.nan, math.inf, 1e200, "low", None])
    def test_a_report_needs_a_finite_loss(self, loss: Any) -> None:
        with pytest.raises(ValueError, match="raise an exception for a model that diverged"):
            TRIAL.report(1, loss)

    @pytest.mark.parametrize("step", [-1, 0.5, True, "1"])
    def test_steps_are_whole_numbers(self, step: Any) -> None:
        with pytest.raises(ValueError, match="whole number as its step"):
            TRIAL.report(step, 0.5)

    def test_steps_grow(self) -> None:
        reply, _ = run(ReportingObjective(Loaded(_twice), Driver()), Call({}, TRIAL))
        assert reply.failure is not None
        assert "the steps of a trial's reports must grow, got 1 after 1" in reply.failure.message

    def test_without_a_study_a_report_is_only_checked(self) -> None:
        TRIAL.report(1, 0.5, accuracy=0.9)
        assert not issubclass(TrialPruned, Exception)


def _twice(params: Any, trial: TrialContext) -> float:
    trial.report(1, 0.5)
    trial.report(1, 0.5)
    return 0.1


class Loaded(ImportedObjective):
    """An objective that is a function here, called with the params themselves."""

    def __init__(self, function: Callable[..., float]) -> None:
        super().__init__(f"{HERE}:{function.__name__}", {})

    def bind(self, call: Call) -> Callable[[], Any]:
        return lambda: globals()[self.objective.partition(":")[2]](call.params, call.trial)
