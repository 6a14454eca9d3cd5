"""What a job checks before it is submitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sparktune.errors import DriverLost, SpecError
from airflow_sparktune.orchestrator.deploy.job import Job, Target
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import StartsResolved
from airflow_sparktune.study.study import Study

SPEC = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=3, warm_start="/absent/g0")


def test_the_study_of_a_warm_start_is_needed_only_at_first(tmp_path: Path) -> None:
    """A retry has its points in the journal, so that study may have been removed by then."""
    target = Target(master="local[2]", install=SparkInstall({}, tmp_path))
    job = Job(address=str(tmp_path / "study"), spec=SPEC, warm_start="/absent/g0")
    first, retry = Study(), Study()
    retry.starts = StartsResolved()
    with pytest.raises(SpecError, match="no journal that can be read at /absent/g0"):
        run_job(job, before=first, target=lambda: target, launch=lambda *_: None)
    with pytest.raises(DriverLost, match="launched"):
        run_job(job, before=retry, target=lambda: target, launch=lambda *_: RuntimeError("launched"))
