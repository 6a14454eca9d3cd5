"""`sparktune run` in a terminal: a progress bar in place of the log, whose end is printed with an error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_sparktune.cli import main
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.storage import LocalStorage
from tests.study.journal_samples import closed, opened, trial, write

SPEC = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=2)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Run a study in a terminal with a shell script in place of spark-submit; returns the exit code."""

    def in_terminal(script: str) -> int:
        program = tmp_path / "bin" / "spark-submit"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 2")
        return main(["run", str(tmp_path / "spec.yaml"), "--study", str(tmp_path / "study")])

    return in_terminal


def test_the_result_follows_the_bar(
    run: Callable[[str], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The driver's log is not shown."""
    write(LocalStorage(tmp_path / "done"), 1, [opened(spec=SPEC), trial(0, 0.5), trial(1, 0.25), closed()])
    copy = f'while [ "$1" != --study ]; do shift; done; cp -r "{tmp_path}/done/attempts" "$2"'
    assert run(f"echo a line of the log; {copy}") == 0
    printed = capsys.readouterr()
    assert "2/2" in printed.out
    assert "best loss" in printed.out
    assert "a line of the log" not in printed.out + printed.err


def test_an_error_has_the_last_lines_of_the_log(
    run: Callable[[str], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """They are printed once."""
    assert run("echo no such master; exit 3") == 1
    printed = capsys.readouterr()
    assert "none did in this try; spark-submit ended with code 3\nno such master" in printed.err
    assert (printed.out + printed.err).count("no such master") == 1


def test_the_log_of_a_driver_that_died_is_shown(
    run: Callable[[str], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error itself says only how many trials have finished."""
    write(LocalStorage(tmp_path / "lost"), 1, [opened(spec=SPEC), trial(0, 0.5)])
    copy = f'while [ "$1" != --study ]; do shift; done; cp -r "{tmp_path}/lost/attempts" "$2"'
    assert run(f"{copy}; echo java.lang.OutOfMemoryError; exit 3") == 1
    printed = capsys.readouterr().err
    assert "java.lang.OutOfMemoryError" in printed
    assert "after 1 finished trials; the same command continues the study" in printed


def test_a_dry_run_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the plan as text or as JSON, and writes no study."""
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 2")
    (tmp_path / "m.py").write_text("def f(params):\n    raise AssertionError")
    line = ["run", str(tmp_path / "spec.yaml"), "--study", str(tmp_path / "study"), "--dry-run"]
    assert main(line) == 0
    assert f"study: {tmp_path / 'study'} (new)" in capsys.readouterr().out
    assert main([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["command"][1:3] == ["--master", "local[*]"]
    assert found["user_code"] == ["m.py"]
    assert not (tmp_path / "study").exists()


def test_a_dry_run_fails_as_a_run_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error is the same, and so is the exit code."""
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [1, 0]}}\nmax_evals: 2")
    assert main(["run", str(tmp_path / "spec.yaml"), "--dry-run"]) == 2
    assert "uniform" in capsys.readouterr().err
