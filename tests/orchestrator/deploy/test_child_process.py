"""A driver as a child process: its output, its end, and a kill at any moment."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import DriverLost
from airflow_sparktune.orchestrator.deploy.child_process import ChildProcess
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, SubmitFailed, Target
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall


class Started:
    """A launcher of a shell script in place of spark-submit, with its submission and its output."""

    def __init__(self, folder: Path, script: str) -> None:
        program = folder / "spark-submit"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        target = Target(master="local[2]", install=SparkInstall({}, folder), binary=str(program))
        self.lines: list[str] = []
        self.launcher = ChildProcess(target, output=self.lines.append)
        work = folder / "work"
        work.mkdir()
        self.submission: Submission = self.launcher.submission(Job(address=str(folder / "study")), work)

    def follow(self, start: Callable[[], None] = lambda: None) -> Exception | None:
        return self.launcher.follow(self.submission, start)


def test_the_output_is_passed_on_and_an_error_has_its_end(tmp_path: Path) -> None:
    """Lines of both streams are passed on as they come, and bytes that are no text do no harm."""
    started = Started(tmp_path, "printf 'one\\ntwo\\377\\n'; echo three >&2; exit 3")
    error = started.follow()
    assert started.lines == ["one", "two\N{REPLACEMENT CHARACTER}", "three"]
    assert str(error) == "\n".join(["spark-submit ended with code 3", *started.lines])


def test_it_ends_without_an_error(tmp_path: Path) -> None:
    assert Started(tmp_path, "exit 0").follow() is None


def test_an_error_has_the_end_of_sparks_own_log(tmp_path: Path) -> None:
    """The file is removed with the work folder."""
    error = Started(tmp_path, "echo 'the last words' > spark.log; exit 3").follow()
    assert isinstance(error, SubmitFailed)
    assert error.spark_log == ["the last words"]


def test_a_killed_launcher_starts_nothing(tmp_path: Path) -> None:
    started = Started(tmp_path, "touch started")
    started.launcher.kill()
    noted: list[str] = []
    with pytest.raises(DriverLost, match="was killed before that"):
        started.follow(lambda: noted.append("start"))
    assert (noted, (started.submission.folder / "started").exists()) == ([], False)


def test_a_kill_while_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may arrive before the launcher knows the new process."""
    started = Started(tmp_path, "exec sleep 60")

    class Killed(subprocess.Popen[str]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.launcher.kill()

    monkeypatch.setattr(subprocess, "Popen", Killed)
    assert "ended with code -9" in str(started.follow())


def test_a_kill_ends_the_children_too(tmp_path: Path) -> None:
    """Otherwise `follow` would wait for a child that holds the output."""
    started = Started(tmp_path, "sleep 60 & echo ready; wait; exit 3")
    begun = threading.Event()
    started.launcher = ChildProcess(started.launcher._target, output=lambda _: begun.set())
    killer = threading.Thread(target=lambda: (begun.wait(), started.launcher.kill()))
    killer.start()
    assert "ended with code" in str(started.follow())  # 3 if the child was seen to end before the kill
    killer.join()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_exception_ends_the_process(tmp_path: Path, interrupt: type[BaseException]) -> None:
    """In a shell, Ctrl-C and SIGTERM raise in the main thread."""
    started = Started(tmp_path, "echo $$; exec sleep 60")
    pids: list[str] = []

    def stop(line: str) -> None:
        pids.append(line)
        raise interrupt

    started.launcher = ChildProcess(started.launcher._target, output=stop)
    with pytest.raises(interrupt):
        started.follow()
    assert not Path("/proc", pids[0]).exists()
