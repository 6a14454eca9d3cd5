"""A job's steps from its submission to its result, with a launcher that starts no Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.errors import DriverLost, SpecError
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.launcher import Launcher
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.study.definition import Spec, WarmStart
from airflow_sparktune.study.journal.events import StartsResolved
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState

SPEC = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)


@dataclass
class InThisProcess:
    """Writes the journal that a driver would write, or fails. It notes what happens."""

    job: Job
    failure: Exception | None = None
    noted: list[str] = field(default_factory=list)

    def submission(self, job: Job, folder: Path) -> Submission:
        self.noted.append("submission")
        return Submission(
            folder=folder,
            target=Target(master="local", install=SparkInstall(home=Path(), environment={})),
            application="",
            arguments=(),
            py_files=(),
            conf={},
            environment={},
        )

    def follow(self, submission: Submission, start: Callable[[], None]) -> Exception | None:
        assert submission.folder.is_dir()
        start()
        self.noted.append("follow")
        if self.failure is None:
            storage = open_storage(self.job.address)
            follower = StudyFollower(storage)
            recorder = Recorder.open(
                storage, follower, spec=Spec.from_json(SPEC.to_json()), seed=1, dimensions=(), take_over=False
            )
            trial = Trial(number=0, params={"x": 0.5}, point={"x": 0.5}, start=recorder.now)
            recorder.trial(trial.ended(TrialState.OK, end=recorder.now, loss=0.25))
            recorder.close(StopReason.MAX_EVALS)
        return self.failure

    def kill(self) -> None:
        self.noted.append("kill")


def test_a_launcher_needs_three_methods(tmp_path: Path) -> None:
    """It is asked for a submission, and then follows it in the given context; a result is not run again."""
    job = Job(address=str(tmp_path / "study"), spec=SPEC)
    toy = InThisProcess(job)

    @contextmanager
    def following(_: Submission) -> Iterator[None]:
        toy.noted.append("begin")
        yield
        toy.noted.append("end")

    def launcher() -> Launcher:
        return toy

    first = run_job(job, before=Study(), launcher=launcher, following=following)
    assert first.study.best is not None
    assert first.study.best.params == {"x": 0.5}
    again = run_job(job, before=first.study, launcher=launcher, following=following)
    assert again.known_before
    assert toy.noted == ["submission", "begin", "follow", "end"]


def test_the_study_of_a_warm_start_is_needed_only_at_first(tmp_path: Path) -> None:
    """A retry has its points in the journal, so that study may have been removed by then."""
    job = Job(
        address=str(tmp_path / "study"),
        spec=replace(SPEC, warm_start=WarmStart(points="/absent/g0")),
        warm_start="/absent/g0",
    )
    toy = InThisProcess(job, failure=RuntimeError("launched"))
    first, retry = Study(), Study()
    retry.starts = StartsResolved()
    with pytest.raises(SpecError, match="no journal that can be read at /absent/g0"):
        run_job(job, before=first, launcher=lambda: toy)
    assert "follow" not in toy.noted
    with pytest.raises(DriverLost, match="launched"):
        run_job(job, before=retry, launcher=lambda: toy)
