"""The ways to run a driver: `Way` is the protocol, `way_to` chooses one.

To add a way, write it in a file here and construct it in `way_to`.
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
    """Submits a job to a driver, reconnects to it and stops it."""

    def submission(self, job: Job, folder: Path) -> Submission:
        """Pack the files into `folder` and return what to submit; starts nothing."""

    def reconnection(self, job: Job) -> str | None:
        """Return the key by which a retry finds a running application, or None if none can survive."""

    def kill(self, application: Application, submission: Submission) -> None:
        """End the application; let the driver record that it was killed, if possible."""


def way_to(target: Target) -> Way:
    """Return the way for a target; raises PlatformError if Spark supports none."""
    if target.deploy_mode != "cluster":
        return Client(target)
    if target.master.startswith("spark://"):
        raise PlatformError(
            f"Python needs deploy mode 'client' on a standalone master, got 'cluster' with {target.master}; "
            "set deploy_mode='client' (for Python, Spark supports cluster mode only on YARN and Kubernetes)"
        )
    return Cluster(target)
