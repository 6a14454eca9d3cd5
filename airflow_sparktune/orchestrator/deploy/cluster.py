"""Cluster mode (YARN, Kubernetes): the driver runs in the cluster and may outlive the Airflow worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.process import end_family, family
from airflow_sparktune.orchestrator.deploy.spark_conf import conf_of
from airflow_sparktune.orchestrator.deploy.submit_files import SubmitFiles
from airflow_sparktune.study.definition.file import spec_sha256

# Spark copies the launcher and the zips there, from where the pods load them.
UPLOAD_PATH = "spark.kubernetes.file.upload.path"


class Provider(Protocol):
    """Airflow's Spark provider, which polls an application, or follows spark-submit's output."""

    def submit(self, submission: Submission, start: Callable[[], None]) -> Exception | None:
        """Run the application to its end, as `Launcher.follow` does."""

    @property
    def pid(self) -> int | None:
        """Return the process id of spark-submit, or None without one."""

    def end_in_cluster(self) -> None:
        """End the application in the cluster, if its name is known."""


class Cluster:
    """Runs the driver in the cluster, through Airflow's Spark provider."""

    def __init__(self, target: Target, provider: Provider) -> None:
        self._target = target
        self._provider = provider

    def submission(self, job: Job, folder: Path) -> Submission:
        """Return the submission of the driver program, or of a script, which finds its study by a setting.

        Raises PlatformError if Spark could not send the files to the cluster.
        """
        files = SubmitFiles.pack(folder, job.code, self._target.py_files)
        settings = {}
        if job.spec is not None:
            application = str(files.launcher)
            arguments = ["--study", job.drivers_address, "--spec-sha256", spec_sha256(job.spec)]
        else:
            application, *arguments = job.script
            settings = {
                "spark.sparktune.study": job.drivers_address,
                # A script starts its own session; in client mode the driver program sets these defaults.
                "spark.python.unix.domain.socket.enabled": "true",
                "spark.ui.showConsoleProgress": "false",
            }
        conf = conf_of(self._target, settings=settings, fallbacks={})
        if self._target.master.startswith("k8s://") and UPLOAD_PATH not in conf:
            raise PlatformError(
                f"cluster mode on Kubernetes needs {UPLOAD_PATH}, which is unset; set it, in the task's conf "
                "or in spark-defaults.conf, to a folder that this machine and the pods reach, such as "
                "s3a://my-bucket/uploads"
            )
        # On Kubernetes, `env_vars` are for the driver's pod only.
        env_vars = {} if self._target.master.startswith("k8s://") else self._target.env_vars
        return Submission(
            folder=folder,
            target=self._target,
            application=application,
            arguments=tuple(arguments),
            py_files=files.py_files,
            conf=conf,
            environment={**self._target.install.environment, **env_vars},
            reconnection=_reconnection(job),
        )

    def follow(self, submission: Submission, start: Callable[[], None]) -> Exception | None:
        """Let the provider run the application to its end."""
        return self._provider.submit(submission, start)

    def kill(self) -> None:
        """End the application in the cluster, then spark-submit."""
        # In this order, because the provider needs spark-submit alive to end the application.
        members = family(self._provider.pid)
        try:
            self._provider.end_in_cluster()
        finally:
            end_family(members)


def _reconnection(job: Job) -> str:
    """Return a key for each generation and identity.

    A task that was cleared, or whose spec has changed, must not reconnect to the earlier application. The
    newer driver makes that application stop.
    """
    generation = job.address.rpartition("/")[2]
    return f"{generation}_{job.spec.identity if job.spec is not None else 'script'}"
