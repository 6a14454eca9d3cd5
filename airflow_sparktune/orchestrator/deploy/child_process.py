"""Client mode: the driver is a child process on this machine, and ends with the process that submitted it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from airflow_sparktune.orchestrator.deploy.job import Job, Submission, SubmitFailed, Target
from airflow_sparktune.orchestrator.deploy.process import (
    die_with_parent,
    end_driver,
    end_family,
    family,
    killed_before_start,
)
from airflow_sparktune.orchestrator.deploy.spark_conf import conf_of, write_properties
from airflow_sparktune.orchestrator.deploy.submit_files import SPARK_LOG, SubmitFiles
from airflow_sparktune.study.definition import RunTrialsOn
from airflow_sparktune.study.definition.packages import require_packages

LOOPBACK = "127.0.0.1"

# With trials on executors, the driver's JVM only schedules. With only the first compiler and the simplest
# collector, it starts in two thirds of the time, and jobs take no longer even after a thousand of them.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

# The longest usable path of a folder for Unix sockets: Spark names them `.<uuid>.sock`, and some systems
# limit the whole path to 104 bytes.
SOCKET_FOLDER = 60

# How many lines of the output an error has, and how many of Spark's own log.
LAST_LINES = 20
LAST_SPARK_LINES = 30


class ChildProcess:
    """Runs spark-submit as long as the study. A retry resumes the journal with a new one."""

    def __init__(self, target: Target, *, output: Callable[[str], None] | None = None) -> None:
        self._target = target
        self._local = target.master.startswith("local")
        self._output = output
        self._process: subprocess.Popen[str] | None = None
        self._application = ""
        self._killed = False

    def submission(self, job: Job, folder: Path) -> Submission:
        """Return the submission of the driver program, which removes its work folder when it ends.

        Raises SpecError if the driver is to run with this Python, which lacks a package of its algorithm.
        """
        files = SubmitFiles.pack(folder, job.code, self._target.py_files)
        arguments = [*job.arguments, "--work", str(folder)]
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
        conf = conf_of(self._target, settings=settings, fallbacks=fallbacks)
        if job.spec is not None and conf["spark.pyspark.driver.python"] == sys.executable:
            require_packages(job.spec.algo)
        return Submission(
            folder=folder,
            target=self._target,
            application=str(files.launcher),
            arguments=tuple(arguments),
            py_files=files.py_files,
            conf=conf,
            environment={**self._environment(job, files, conf), **self._target.env_vars},
        )

    def follow(self, submission: Submission, start: Callable[[], None]) -> Exception | None:
        """Run spark-submit to its end; an error has the last lines of output that this process has read."""
        write_properties(submission.properties, submission.conf)
        self._application = submission.application
        if self._killed:
            raise killed_before_start()
        start()
        piped = self._output is not None
        with subprocess.Popen(
            submission.command,
            env={**os.environ, **submission.environment},
            cwd=submission.folder,  # contains nothing that could be imported
            stdin=subprocess.DEVNULL,  # otherwise, in a task, the socket to its supervisor
            stdout=subprocess.PIPE if piped else None,
            stderr=subprocess.STDOUT if piped else None,
            text=True,
            errors="replace",  # the output of a trial need not be valid text
            preexec_fn=die_with_parent(),
        ) as process:
            self._process = process
            try:
                if self._killed:  # while it started
                    self.kill()
                last = self._relay(process)
                code = process.wait()
            finally:
                self.kill()
        if code == 0:
            return None
        message = "\n".join([f"spark-submit ended with code {code}", *last])
        return SubmitFailed(message, spark_log=_end_of(submission.folder / SPARK_LOG))

    def kill(self) -> None:
        """Let the driver record that it was killed, then kill spark-submit and its children."""
        self._killed = True
        if self._process is not None and self._process.poll() is None:
            members = family(self._process.pid)
            end_driver(members, self._application)
            end_family(members)

    def _relay(self, process: subprocess.Popen[str]) -> Sequence[str]:
        """Pass the output on until it ends; return its last lines."""
        last = deque[str](maxlen=LAST_LINES)
        if self._output is not None:
            for line in process.stdout or ():
                last.append(line.rstrip())
                self._output(last[-1])
        return last

    def _environment(self, job: Job, files: SubmitFiles, conf: Mapping[str, str]) -> dict[str, str]:
        environment = dict(self._target.install.environment)
        spec = job.spec
        on_executors = spec is not None and spec.execution.run_trials_on is RunTrialsOn.EXECUTORS
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


def _end_of(file: Path) -> Sequence[str]:
    return file.read_text(errors="replace").splitlines()[-LAST_SPARK_LINES:] if file.exists() else ()
