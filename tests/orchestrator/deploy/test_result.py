"""The result of an application, from the journal before and after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.errors import DriverLost, ObjectiveError, SparktuneError, SpecError, describe
from airflow_sparktune.orchestrator.deploy.job import SubmitFailed
from airflow_sparktune.orchestrator.deploy.run import Standing, result_of
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower, read_study
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage, open_storage
from airflow_sparktune.study.trial import Trial, TrialState

FAILURE = RuntimeError("application_1 ended with FAILED")


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path)


def spec(**given: Any) -> Spec:
    return Spec.of(**{"objective": "m:f", "space": {"x": {"uniform": [0, 1]}}, "max_evals": 1, **given})


def opened(address: str) -> Recorder:
    storage = open_storage(address)
    return Recorder.open(storage, StudyFollower(storage), spec=spec(), seed=1, dimensions=(), take_over=False)


def standing(address: str) -> Standing:
    return Standing.of(read_study(address).study)


def finish(recorder: Recorder) -> None:
    trial = Trial(number=0, params={"x": 0.5}, point={"x": 0.5}, start=recorder.now)
    recorder.trial(trial.ended(TrialState.OK, end=recorder.now, loss=0.25))
    recorder.close(StopReason.MAX_EVALS)


@pytest.mark.parametrize("failure", [None, FAILURE])
def test_a_new_result_overrides_the_provider(address: str, failure: Exception | None) -> None:
    """The journal has precedence."""
    finish(opened(address))
    assert result_of(address, spec=spec(), before=Standing(), failure=failure).best.loss == 0.25


def test_a_result_that_is_listed_late(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage still lists the chunks that the driver has rolled into one."""
    recorder, names = opened(address), LocalStorage.names
    (stream,) = open_storage(address).names(FOLDER)
    folder = f"{FOLDER}/{stream}"
    late = {folder: open_storage(address).names(folder)}
    finish(recorder)
    monkeypatch.setattr(
        LocalStorage, "names", lambda storage, folder: late.get(folder) or names(storage, folder)
    )
    study = result_of(address, spec=spec(), before=Standing(), failure=None, sleep=lambda _: late.clear())
    assert study.best.loss == 0.25


def test_an_earlier_result_counts_if_nothing_failed(address: str) -> None:
    """A script that finds an existing result opens no attempt."""
    finish(opened(address))
    assert result_of(address, spec=None, before=standing(address), failure=None).best.loss == 0.25
    with pytest.raises(DriverLost, match="none did in this try; application_1"):
        result_of(address, spec=None, before=standing(address), failure=FAILURE)


def test_the_error_of_a_reconnected_driver(address: str) -> None:
    """After a reconnect, the attempt is not new, but events since then count."""
    recorder = opened(address)
    before = standing(address)
    recorder.close(StopReason.ERROR, error=describe(ObjectiveError("no such module")))
    with pytest.raises(ObjectiveError, match="no such module"):
        result_of(address, spec=spec(), before=before, failure=FAILURE)


@pytest.mark.parametrize("error", [ObjectiveError("no such module"), DriverLost("the JVM is gone"), None])
def test_a_reason_that_no_retry_mends_is_all_that_is_said(
    address: str, caplog: pytest.LogCaptureFixture, error: SparktuneError | None
) -> None:
    """Spark's own log may tell why a driver was lost, and nothing of a broken objective."""
    caplog.set_level("INFO")
    recorder = opened(address)
    failure = SubmitFailed("spark-submit ended with code 1", spark_log=["Shutdown hook called"])
    if error is not None:
        recorder.close(StopReason.ERROR, error=describe(error))
    with pytest.raises(SparktuneError) as raised:
        result_of(address, spec=spec(), before=Standing(), failure=failure)
    lost = not isinstance(error, ObjectiveError)
    assert ("Shutdown hook called" in caplog.text) is lost
    assert raised.value.__cause__ is (failure if lost else None)


def test_an_earlier_error_is_not_raised_again(address: str) -> None:
    """An error of an earlier try is not raised again."""
    opened(address).close(StopReason.ERROR, error=describe(ObjectiveError("no such module")))
    with pytest.raises(DriverLost, match="application_1 ended"):
        result_of(address, spec=spec(), before=standing(address), failure=FAILURE)


def test_an_application_that_leaves_nothing(address: str) -> None:
    """A script without SparkTrials leaves no study every time, so no retry helps."""
    with pytest.raises(
        SpecError, match=r"but there is none; a script must tune with airflow_sparktune\.Spark"
    ):
        result_of(address, spec=None, before=Standing(), failure=None)


OTHER = {"objective_kwargs": {"try": 2}}


@pytest.mark.parametrize("failure", [None, FAILURE])
def test_the_result_of_another_study(address: str, failure: Exception | None) -> None:
    """The folder has the result of another driver's spec; a retry can help."""
    recorder = opened(address)
    before = standing(address)
    finish(recorder)
    with pytest.raises(
        DriverLost, match=r"now holds another study \(objective_kwargs\['try'\] changed\); a retry"
    ):
        result_of(address, spec=spec(**OTHER), before=before, failure=failure)


def test_the_error_of_another_study(address: str) -> None:
    """The error of another study does not count for this one."""
    recorder = opened(address)
    before = standing(address)
    recorder.close(StopReason.ERROR, error=describe(ObjectiveError("no such module")))
    with pytest.raises(DriverLost, match="now holds another study"):
        result_of(address, spec=spec(**OTHER), before=before, failure=FAILURE)


def test_an_earlier_result_of_another_study(address: str) -> None:
    """An older result of another study does not count for an application that left nothing."""
    finish(opened(address))
    before = standing(address)
    with pytest.raises(DriverLost, match="now holds another study"):
        result_of(address, spec=spec(**OTHER), before=before, failure=None)
    with pytest.raises(DriverLost, match="none did in this try; application_1"):
        result_of(address, spec=spec(**OTHER), before=before, failure=FAILURE)
