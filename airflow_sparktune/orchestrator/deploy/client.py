"""Client mode: the driver is a process on this machine, and ends with the process that submitted it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.process import Application, end_driver, end_family, family
from airflow_sparktune.orchestrator.deploy.spark_conf import conf_of
from airflow_sparktune.orchestrator.deploy.submit_files import SubmitFiles
from airflow_sparktune.study.definition import RunTrialsOn
from airflow_sparktune.study.definition.file import spec_sha256
from airflow_sparktune.study.definition.packages import require_packages

LOOPBACK = "127.0.0.1"

# With trials on executors, the driver's JVM only schedules. With only the first compiler and the simplest
# collector, it starts in two thirds of the time, and jobs take no longer even after a thousand of them.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

# The longest usable path of a folder for Unix sockets: Spark names them `.<uuid>.sock`, and some systems
# limit the whole path to 104 bytes.
SOCKET_FOLDER = 60


class Client:
    """Runs spark-submit as long as the study; the submitter reads its output."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._local = target.master.startswith("local")

    def submission(self, job: Job, folder: Path) -> Submission:
        """Return the submission of the driver program, which removes its work folder when it ends.

        Raises SpecError if the driver is to run with this Python, which lacks a package of its algorithm.
        """
        files = SubmitFiles.pack(folder, job.code)
        arguments = ["--study", job.drivers_address, "--work", str(folder)]
        settings = {
            # Otherwise Spark uses the first python3 on PATH, which may not have hyperopt.
            "spark.pyspark.driver.python": sys.executable,
            "spark.local.dir": str(files.scratch),
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
        if job.spec is not None and conf["spark.pyspark.driver.python"] == sys.executable:
            require_packages(job.spec.algo)
        return Submission(
            folder=folder,
            application=str(files.launcher),
            arguments=tuple(arguments),
            py_files=tuple(str(path) for path in files.py_files),
            conf=conf,
            environment=self._environment(job, files, conf),
        )

    def reconnection(self, job: Job) -> None:
        """Return None: the driver ends with the submitting process, and a retry resumes the journal."""

    def kill(self, application: Application, submission: Submission) -> None:
        """Let the driver record that it was killed, then kill spark-submit and its children."""
        members = family(application.pid)
        end_driver(members, submission.application)
        end_family(members)

    def _environment(self, job: Job, files: SubmitFiles, conf: Mapping[str, str]) -> dict[str, str]:
        environment = dict(self._target.install.environment)
        on_executors = job.spec is not None and job.spec.run_trials_on is RunTrialsOn.EXECUTORS
        quick = QUICK_START if on_executors and not _chooses_collector(conf) else ()
        environment["SPARK_SUBMIT_OPTS"] = _jvm_options(files, quick, quiet=job.quiet)
        if self._local:
            # The Spark UI binds to this address; there is no other setting for it.
            name, value = "SPARK_LOCAL_IP", LOOPBACK
            if job.open_ui:  # the link to the UI must work from other machines
                name, value = "SPARK_PUBLIC_DNS", socket.gethostname()
            environment[name] = os.environ.get(name, value)
        return environment


def _chooses_collector(conf: Mapping[str, str]) -> bool:
    """Return whether the user has chosen a garbage collector; a JVM does not start with two."""
    names = ("SPARK_SUBMIT_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
    given = [os.environ.get(name, "") for name in names]
    given += [conf.get("spark.driver.extraJavaOptions", ""), conf.get("spark.driver.defaultJavaOptions", "")]
    return any("-XX:" in options for options in given)


def _jvm_options(files: SubmitFiles, quick: Sequence[str], *, quiet: bool) -> str:
    """Return options for the driver's JVM; those of the machine (such as a proxy) come last and win."""
    options = [*quick]
    if quiet:
        options.append(f"-Dlog4j2.configurationFile=file:{files.log4j}")
    if len(os.fsencode(files.scratch)) <= SOCKET_FOLDER:
        # Sockets, libraries and other leftovers of the JVM are removed with the work folder.
        options.append(f"-Djava.io.tmpdir={files.scratch}")
    return " ".join([*options, os.environ.get("SPARK_SUBMIT_OPTS", "")]).rstrip()
