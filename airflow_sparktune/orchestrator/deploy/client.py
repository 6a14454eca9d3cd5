"""Client mode: the driver is a process on this machine, and ends with the process that submitted it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.jvm.class_archive import ClassArchive
from airflow_sparktune.orchestrator.deploy.jvm.options import QUICK_START, chooses_collector, jvm_options
from airflow_sparktune.orchestrator.deploy.parcel import Parcel
from airflow_sparktune.orchestrator.deploy.process import Application, end_driver, end_family, family
from airflow_sparktune.orchestrator.deploy.spark_conf import conf_of
from airflow_sparktune.study.spec import RunTrialsOn
from airflow_sparktune.study.spec.file import spec_sha256

LOOPBACK = "127.0.0.1"


class Client:
    """Runs spark-submit as long as the study; the submitter reads its output."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._local = target.master.startswith("local")
        self._archive: ClassArchive | None = None

    def submission(self, job: Job, folder: Path) -> Submission:
        """Return the submission of the driver program, which removes its work folder when it ends."""
        parcel = Parcel.pack(folder, job.code)
        arguments = ["--study", job.drivers_address, "--work", str(folder)]
        settings = {
            # Otherwise Spark uses the first python3 on PATH, which may not have hyperopt.
            "spark.pyspark.driver.python": sys.executable,
            "spark.local.dir": str(parcel.scratch),
        }
        fallbacks: dict[str, str] = {}
        if self._local:
            settings["spark.pyspark.python"] = sys.executable
            # Only local threads need to reach this driver, because they are its executors.
            fallbacks |= {"spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK}
        if job.script:
            settings["spark.sparktune.study"] = job.drivers_address
            arguments += ["--script", *job.script]
        elif job.spec is not None:
            arguments += ["--spec-sha256", spec_sha256(job.spec)]
        conf = conf_of(self._target, settings=settings, fallbacks=fallbacks)
        return Submission(
            folder=folder,
            application=str(parcel.launcher),
            arguments=tuple(arguments),
            py_files=tuple(str(path) for path in parcel.py_files),
            conf=conf,
            environment=self._environment(job, parcel, conf),
        )

    def reconnection(self, job: Job, *, generation: int) -> None:
        """Return None: the driver ends with the submitting process, and a retry resumes the journal."""

    def kill(self, application: Application, submission: Submission) -> None:
        """Let the driver record that it was killed, then kill spark-submit and its children."""
        members = family(application.pid)
        end_driver(members, submission.application)
        end_family(members)

    def finished(self) -> None:
        """Make the archive of Spark's classes, so that the next driver starts sooner."""
        if self._archive is not None:
            self._archive.make()

    def _environment(self, job: Job, parcel: Parcel, conf: Mapping[str, str]) -> dict[str, str]:
        environment = dict(self._target.install.environment)
        on_executors = job.spec is not None and job.spec.run_trials_on is RunTrialsOn.EXECUTORS
        quick: tuple[str, ...] = ()
        if on_executors and not chooses_collector(conf):
            self._archive = ClassArchive.of(self._target.install)
            quick = (*QUICK_START, *(self._archive.options if self._archive else ()))
        environment["SPARK_SUBMIT_OPTS"] = jvm_options(parcel, quick, quiet=job.quiet)
        if self._local:
            # The Spark UI binds to this address; there is no other setting for it.
            name, value = "SPARK_LOCAL_IP", LOOPBACK
            if job.open_ui:  # the link to the UI must work from other machines
                name, value = "SPARK_PUBLIC_DNS", socket.gethostname()
            environment[name] = os.environ.get(name, value)
        return environment
