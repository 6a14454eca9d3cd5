"""Launchers without a process for spark-submit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from airflow_sparktune.orchestrator.deploy.job import Job, Submission, SubmitFailed, Target
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from tests.orchestrator.stand_in_submit import drive


class InThisProcess:
    """Writes the journals of an application without a process for spark-submit; counts its drivers."""

    started = 0

    def __init__(self, address: str) -> None:
        self._address = address

    def submission(self, job: Job, folder: Path) -> Submission:
        target = Target(master="local", install=SparkInstall(home=Path(), environment={}))
        return Submission(
            folder=folder, target=target, application="", arguments=(), py_files=(), conf={}, environment={}
        )

    def follow(self, submission: Submission, start: Callable[[], None]) -> Exception | None:
        start()
        InThisProcess.started += 1
        return SubmitFailed("spark-submit ended with code 1") if drive(self._address, "works") else None

    def kill(self) -> None:
        raise AssertionError("nobody kills this task")
