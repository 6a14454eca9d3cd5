"""The ways to a driver: `Way` is the contract, `way_to` chooses one.

A new way is one file and one line here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.client import Client
from airflow_sparktune.orchestrator.deploy.cluster import Cluster
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.process import Application


class Way(Protocol):
    """Brings a job to a driver, finds it again and ends it."""

    def submission(self, job: Job, folder: Path) -> Submission:
        """Pack what travels into `folder` and return what is submitted; starts nothing."""

    def reconnection(self, job: Job, *, generation: int) -> str | None:
        """Return the key by which a retry finds a lost worker's application; None where none survives."""

    def kill(self, application: Application, submission: Submission) -> None:
        """End the application; let the driver write that it was killed, where that is possible."""


def way_to(target: Target) -> Way:
    """Return the way to a target; raises PlatformError where Spark has none."""
    if target.deploy_mode != "cluster":
        return Client(target)
    if target.master.startswith("spark://"):
        raise PlatformError(
            f"Python needs deploy mode 'client' on a standalone master, got 'cluster' with {target.master}; "
            "set deploy_mode='client' (Spark supports cluster mode for Python on YARN and Kubernetes only)"
        )
    return Cluster(target)
