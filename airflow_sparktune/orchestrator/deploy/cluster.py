"""Cluster mode (YARN, Kubernetes): the driver runs in the cluster and may outlive the Airflow worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from airflow_sparktune.orchestrator.deploy.application import UPLOAD_PATH, in_image, sent_by_spark
from airflow_sparktune.orchestrator.deploy.job import DRIVER_POD, Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.process import end_family, family
from airflow_sparktune.orchestrator.deploy.spark_conf import conf_of


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

        Kubernetes gets no files from Spark unless it has an upload path. Raises PlatformError.
        """
        on_kubernetes = self._target.master.startswith("k8s://")
        # A script starts its own session; otherwise the driver program sets these defaults.
        settings = {
            "spark.sparktune.study": job.drivers_address,
            "spark.ui.showConsoleProgress": "false",
        }
        if on_kubernetes:  # in a container of YARN, the socket's path is too long
            settings["spark.python.unix.domain.socket.enabled"] = "true"
        # By default, spark-submit would repeat the pod's phase in the task's log each second.
        fallbacks = {"spark.kubernetes.report.interval": "60s"} if on_kubernetes else {}
        conf = conf_of(self._target, settings=settings if job.script else {}, fallbacks=fallbacks)
        if on_kubernetes:
            # Chosen here, so that the pod can be deleted at any time.
            conf.setdefault(DRIVER_POD, f"sparktune-{token_hex(8)}-driver")
        if on_kubernetes and UPLOAD_PATH not in conf:
            application = in_image(job, self._target.py_files)
        else:
            application = sent_by_spark(job, self._target.py_files, folder)
        # On Kubernetes, `env_vars` are for the driver's pod only.
        env_vars = {} if on_kubernetes else self._target.env_vars
        return Submission(
            folder=folder,
            target=self._target,
            application=application.program,
            arguments=application.arguments,
            py_files=application.py_files,
            conf=conf,
            environment={**self._target.install.environment, **env_vars},
            reconnection=_reconnection(job),
            code=application.code,
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

    A task that was cleared, or whose spec or segments have changed, must not reconnect to the earlier
    application. The newer driver makes that application stop.
    """
    generation = job.address.rpartition("/")[2]
    if job.segments is not None:
        return f"{generation}_{job.segments.sha256}"
    return f"{generation}_{job.spec.identity if job.spec is not None else 'script'}"
