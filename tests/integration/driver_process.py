"""The driver program, started as a task starts it, for tests that kill it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from airflow_sparktune.orchestrator.deploy.child_process import ChildProcess
from airflow_sparktune.orchestrator.deploy.job import Job, Target
from airflow_sparktune.orchestrator.deploy.run import hand_over
from airflow_sparktune.orchestrator.deploy.spark_conf import write_properties
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.user_code import UserCode
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.segments import Segments
from airflow_sparktune.study.study import Study

PATIENCE_S = 240.0
_MARK = "SPARKTUNE_TEST_MARK"
# In the same way as the operator starts spark-submit.
_TASK = """
import subprocess, sys
from airflow_sparktune.orchestrator.deploy.process import die_with_parent
sys.exit(subprocess.run(sys.argv[1:], preexec_fn=die_with_parent()).returncode)
"""


class DriverProcess:
    """One spark-submit on a study folder, or on that of an application with segments.

    Its processes are found by a mark in their environment, which every child inherits, including orphans.
    With `in_a_task`, the process `submit` is a task, and spark-submit is its child.
    """

    def __init__(
        self,
        study: Path,
        work: Path,
        spec: Spec | Segments,
        *,
        code: Mapping[str, bytes],
        master: str = "local[2]",
        in_a_task: bool = False,
        conf: Mapping[str, str] | None = None,
    ) -> None:
        self.study = study
        self.work = work
        self.mark = secrets.token_hex(8)
        study.mkdir(exist_ok=True)
        work.mkdir()
        target = Target(
            master=master,
            conf={"spark.ui.enabled": "false", "spark.driver.memory": "512m", **(conf or {})},
            install=SparkInstall.find("spark-submit"),
        )
        segments = spec if isinstance(spec, Segments) else None
        common = spec.spec if isinstance(spec, Segments) else spec
        job = Job(address=str(study), spec=common, segments=segments, code=UserCode(code))
        submission = ChildProcess(target).submission(job, work)
        write_properties(submission.properties, submission.conf)
        hand_over(job, submission)
        self._launcher = submission.application
        self._log = work.with_suffix(".log")
        command = submission.command
        with self._log.open("wb") as out:
            self.submit = subprocess.Popen(
                [sys.executable, "-c", _TASK, *command] if in_a_task else command,
                cwd=work,
                env={**os.environ, **submission.environment, _MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def driver(self) -> psutil.Process:
        """Return the Python driver below the JVM."""
        for process in psutil.Process(self.submit.pid).children(recursive=True):
            with suppress(psutil.Error):
                if self._launcher in process.cmdline():
                    return process
        raise AssertionError(f"no driver runs:\n{self.log}")

    def journal(self) -> Study:
        """Return the study as a reader sees it now."""
        follower = read_study(str(self.study))
        assert follower.problems == []
        return follower.study

    def wait_until(self, condition: Callable[[Study], Any]) -> Study:
        """Wait until the study meets `condition`."""
        until = time.monotonic() + PATIENCE_S
        while not condition(study := self.journal()):
            assert self.submit.poll() is None, f"the driver has ended:\n{self.log}"
            assert time.monotonic() < until, f"it takes too long:\n{self.log}"
            time.sleep(0.1)
        return study

    def wait(self) -> int:
        """Wait for spark-submit; returns its exit code."""
        return self.submit.wait(timeout=PATIENCE_S)

    def left(self, *, after_s: float = 15.0) -> list[str]:
        """Return the command lines of the processes that still run after some time to end."""
        until = time.monotonic() + after_s
        while (found := self.processes()) and time.monotonic() < until:
            time.sleep(0.2)
        return [" ".join(process.info["cmdline"] or ()) for process in found]

    def end(self) -> None:
        """Kill all remaining processes."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.submit.wait()

    def processes(self) -> list[psutil.Process]:
        marked = []
        for process in psutil.process_iter(["environ", "cmdline", "ppid", "status"]):
            alive = process.info["status"] != psutil.STATUS_ZOMBIE
            if alive and (process.info["environ"] or {}).get(_MARK) == self.mark:
                marked.append(process)
        return marked
