"""The launchers: how a driver is started, followed and ended. `launcher_to` chooses one by master and mode.

To add a launcher, write it in a file here and construct it in `launcher_to`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.child_process import ChildProcess
from airflow_sparktune.orchestrator.deploy.cluster import Cluster, Provider
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target


class Launcher(Protocol):
    """Starts one driver, follows it and ends it."""

    def submission(self, job: Job, folder: Path) -> Submission:
        """Pack the files into `folder` and return what to submit, as plain data; starts nothing.

        Its `reconnection` says how a retry finds the driver again after this process is lost.
        """

    def follow(self, submission: Submission, start: Callable[[], None]) -> Exception | None:
        """Run the driver to its end; return the error of the submission, or None.

        Calls `start` right before it starts a driver, but not if it reconnects to one.
        """

    def kill(self) -> None:
        """End the driver that `follow` runs, or keep it from starting; let it record its end, if possible.

        Airflow calls this in a signal handler, after which `follow` continues.
        """


def launcher_to(
    target: Target, *, provider: Provider | None = None, output: Callable[[str], None] | None = None
) -> Launcher:
    """Return the launcher to a target; raises PlatformError if there is none.

    `provider` follows drivers in a cluster. `output` gets the lines that a driver on this machine prints;
    without it, they go where those of this process go.
    """
    if target.deploy_mode != "cluster":
        return ChildProcess(target, output=output)
    if target.master.startswith("spark://"):
        raise PlatformError(
            f"Python needs deploy mode 'client' on a standalone master, got 'cluster' with {target.master}; "
            "set deploy_mode='client' (for Python, Spark supports cluster mode only on YARN and Kubernetes)"
        )
    if provider is None:
        raise PlatformError(
            "deploy mode 'cluster' needs Airflow, which follows the driver; submit by SparkTuneOperator, or "
            "use deploy mode 'client'"
        )
    return Cluster(target, provider)


def launcher_of(conn_id: str, conf: Mapping[str, Any], *, output: Callable[[str], None]) -> Launcher:
    """Return the launcher to the master of a connection, outside of a task; raises PlatformError."""
    from airflow_sparktune.orchestrator.deploy.provider.submission import SubmissionOperator

    operator = SubmissionOperator(
        task_id="doctor",
        conn_id=conn_id,
        conf=dict(conf),
        durable=False,  # there is no retry that could reconnect
        openlineage_inject_parent_job_info=False,
        openlineage_inject_transport_info=False,
    )
    operator._context = {}
    return launcher_to(operator.target(operator._context), provider=operator, output=output)
