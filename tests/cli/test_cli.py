"""`sparktune` where no Spark is needed: what it prints of a study, and why it runs none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_sparktune.cli import main
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

SPACE = {"x": {"uniform": [0, 1]}}


@pytest.fixture
def study(tmp_path: Path) -> str:
    """Two trials, one of them failed."""
    storage = open_storage(str(tmp_path))
    spec = Spec.of(objective="m:f", space=SPACE, max_evals=2)
    recorder = Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=1, dimensions=(), take_over=False, wall=lambda: 10.0
    )
    first = Trial(number=0, params={"x": 0.5}, point={"x": 0.5}, start=10.0, slot=0)
    recorder.trial(first.ended(TrialState.OK, end=12.0, loss=0.25))
    failure = Failure(FailureKind.RAISED, "ValueError: too [bold]small[/bold]", "Traceback ...")
    second = Trial(number=1, params={"x": 0.1}, point={"x": 0.1}, start=12.0, slot=0)
    recorder.trial(second.ended(TrialState.FAILED, end=13.0, error=failure))
    recorder.close(StopReason.MAX_EVALS)
    return str(tmp_path)


def test_show(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a trial, the error in place of the params, nothing of it taken for markup; then the result."""
    assert main(["show", study]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ValueError: too [bold]small[/bold]" in lines[2]
    assert lines[-1] == 'best params  {"x": 0.5}'


def test_show_json(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary, and each trial with every field."""
    assert main(["show", study, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["best_loss"], told["stop_reason"]) == (0.25, "max_evals")
    first, second = told["trials"]
    assert first["start"] == "1970-01-01T00:00:10.000+00:00"
    assert (first["state"], first["slot"], first["attempt"], first["error"]) == ("ok", 0, 1, None)
    assert second["error"] == {
        "kind": "raised",
        "message": "ValueError: too [bold]small[/bold]",
        "traceback": "Traceback ...",
    }


def test_show_says_when_a_study_that_has_no_end_was_last_heard_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its driver's clock: whether that is long ago is for the reader to say."""
    storage = open_storage(str(tmp_path))
    spec = Spec.of(objective="m:f", space=SPACE, max_evals=2)
    Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=1, dimensions=(), take_over=False, wall=lambda: 10.0
    )
    assert main(["show", str(tmp_path)]) == 0
    assert "last word    1970-01-01T00:00:10.000+00:00\n" in capsys.readouterr().out


def test_report(study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file that stands by itself."""
    assert main(["report", study, "--output", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    assert page.startswith("<!doctype html>")
    assert 'src="http' not in page


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_eval: 3", "did you mean 'max_evals'"),
        ("objective: m:f\nspace: {x: {uniform: [0, 1]}}", "a spec must have one of max_evals, timeout"),
        ("space: {x: {uniform: [0, 1]}}\nmax_evals: 3", "a spec must have objective, got none"),
        ("objective: m:f\nspace: {x: {loguniform: [0, 1]}}\nmax_evals: 3", "must be above 0"),
        (
            '{"objective": "m:f", "space": {"x": {"loguniform": [1e-05, 1]}},\n\t"max_evals": 0}',
            "max_evals must be",
        ),
        ("objective: m:f\nspace: {x: {loguniform: [1e-5, 1]}}\nmax_evals: 0", "max_evals must be"),
        ("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 3\nconf: a=b", "conf must be an object"),
        ("[1, 2]", "a spec file must hold keys and values, got list"),
        ("a: [", "the spec file must be JSON or YAML"),
    ],
)
def test_bad_specs(spec: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rule, value and way out on stderr, before anything starts; exit code 2."""
    (tmp_path / "spec.yaml").write_text(spec)
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", str(tmp_path / "study")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("command", ["show", "ui", "report"])
def test_no_study_there(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said with the path."""
    assert main([command, str(tmp_path / "nothing")]) == 2
    assert f"found none at {tmp_path}/nothing" in capsys.readouterr().err


@pytest.fixture
def spark_submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script on PATH in place of spark-submit."""

    def install(script: str) -> None:
        program = tmp_path / "bin" / "spark-submit"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return install


def test_an_older_result_is_not_passed_off_as_a_new_one(
    study: str, spark_submit: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A larger max_evals needs a driver; where none comes up, that is said."""
    spark_submit("exit 3")
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9")
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", study]) == 1
    told = capsys.readouterr()
    assert "none has in this try; spark-submit ended with code 3" in told.err
    assert "best" not in told.out


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ("max_evals: 2", 0, ""),
        ("max_evals: 9", 0, "found within other limits; the same command goes on within these"),
        (
            "max_evals: 2\nobjective_kwargs: {rows: 5}",
            1,
            "holds another one now (objective_kwargs['rows'] changed); the same command starts anew there",
        ),
    ],
)
def test_what_somebody_else_found_there_meanwhile(
    study: str,
    spark_submit: Callable[[str], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    asked: str,
    code: int,
    said: str,
) -> None:
    """Delivered where it answers what was asked; where not, or not quite, that is said."""
    spark_submit(f'while [ "$1" != --study ]; do shift; done; cp -r "{study}/attempts" "$2"')
    (tmp_path / "spec.yaml").write_text(f"objective: m:f\nspace: {{x: {{uniform: [0, 1]}}}}\n{asked}")
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", str(tmp_path / "mine")]) == code
    told = capsys.readouterr()
    assert said in told.err if said else not told.err
    assert ("best params" in told.out) is (code == 0)


def test_interrupted(
    spark_submit: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is no fault of anybody's: no traceback, and what to do next."""
    spark_submit("kill -INT $PPID\nsleep 30")
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9")
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", str(tmp_path / "study")]) == 130
    assert "the same command goes on where it stopped" in capsys.readouterr().err


def test_no_spec_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said with the path."""
    assert main(["run", str(tmp_path / "spec.yaml")]) == 2
    assert "the spec file must be readable, got No such file" in capsys.readouterr().err
