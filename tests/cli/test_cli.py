"""`sparktune` without Spark: the output for a study, and the errors before one starts."""

from __future__ import annotations

import getpass
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from airflow_sparktune.cli import main
from airflow_sparktune.cli.app import COMMANDS, cli
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.errors import StorageError
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import ARGUMENTS, Spec
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.journal.events import TrialChanged
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage, open_storage
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState
from airflow_sparktune.version import __version__
from benchmarks.simulated import Ending
from tests.driver.retuning.weeks import Weeks, noisy
from tests.study.journal_samples import BEGAN, SPEC, closed, opened, trial, write

SPACE = {"x": {"uniform": [0, 1]}}


@pytest.fixture
def study(tmp_path: Path) -> str:
    """Write a study of two trials, one of them failed."""
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
    recorder.output(1, "too small\n")
    recorder.close(StopReason.MAX_EVALS)
    return str(tmp_path)


def test_show(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line per trial, with the error in place of the params and without markup; then the result."""
    assert main(["show", study]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ValueError: too [bold]small[/bold]" in lines[2]
    assert [re.sub(r"after [\d.e-]+ s", "after 1 s", line) for line in lines[-4:]] == [
        "trials       1 ok, 1 failed",
        "ended        reached max_evals (2)",
        "best loss    0.25 (trial 0 after 1 s)",
        "best params  x=0.5",
    ]


@pytest.mark.parametrize(("message", "cell"), [("", "raised"), ("\nno rows\nat all", "no rows")])
def test_a_failed_trial_is_shown_by_the_headline_of_its_error(
    message: str, cell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = replace(trial(0).trial, state=TrialState.FAILED, error=Failure(FailureKind.RAISED, message))
    write(LocalStorage(tmp_path), 1, [opened(), TrialChanged(at=BEGAN, trial=failed), closed()])
    assert main(["show", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1].rstrip().endswith(f" {cell}")


def test_a_score_is_printed_with_its_own_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The journal has it with the other sign; JSON has both."""
    spec = replace(SPEC, maximize="accuracy")
    write(LocalStorage(tmp_path), 1, [opened(spec=spec), trial(0, -0.5), trial(1, -0.75), closed()])
    assert main(["show", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[2] == "accuracy"
    assert lines[2].split()[2] == "0.75"
    assert "best accuracy  0.75 (trial 1 after 1 s)" in lines
    assert main(["show", str(tmp_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [printed[name] for name in ("maximize", "best_score", "best_loss")] == ["accuracy", 0.75, -0.75]
    assert [(row["loss"], row["score"]) for row in printed["trial_rows"]] == [(-0.5, 0.5), (-0.75, 0.75)]


def test_show_prints_the_decision_and_the_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is one line, as on the page and in the log, and data in JSON."""
    weeks = Weeks(str(tmp_path))

    def slow(call: Call) -> Ending:
        return Ending(60.0, reply=noisy(0.5)(call).reply)

    weeks.run("w1", slow)
    study = weeks.run("w2", slow, seed=4)
    assert study.decision is not None
    assert main(["show", weeks.address("w2")]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines()[-7:])
    assert lines["decision"].strip() == f"kept: {study.decision.reason}"
    assert lines["trials"].strip() == f"12 ok, and {len(study.trials) - 12} repeats"
    cost = r"0\.\d+ slot-hours reserved, 0\.\d+ used by trials \(\d+ %\); [\d.]+ for the last improvement"
    assert re.fullmatch(cost, lines["cost"].strip())
    assert main(["show", weeks.address("w2"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["study"] == weeks.address("w2")
    assert (printed["decision"], printed["decision_reason"]) == ("kept", study.decision.reason)
    assert printed["confirmation"]["incumbent"]["n"] >= 3
    assert {"mean", "std_error", "n", "difference", "bound"} <= set(printed["confirmation"]["candidates"][0])


def test_a_spec_file_may_name_an_incumbent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works as in the operator; specs in one folder have separate records of champions."""
    jobs: list[Any] = []
    monkeypatch.setattr("airflow_sparktune.cli.submit.submit", lambda job, **_: jobs.append(job) or 0)
    (tmp_path / "churn.yaml").write_text(
        "objective: math:sqrt\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9\n"
        "retuning:\n  incumbent: champion\n  confirm: 8\n  margin: 2%\n"
    )
    assert main(["run", str(tmp_path / "churn.yaml"), "--study", str(tmp_path / "week 1")]) == 0
    (job,) = jobs
    assert (job.spec.retuning.incumbent, job.spec.segment) == ("champion", "churn")
    assert job.spec.champions == str(tmp_path)
    assert (job.spec.rule.confirm.repeats, job.spec.rule.margin.to_json()) == (8, "2%")


def test_show_prints_the_output_of_a_trial(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", study, "--output", "1"]) == 0
    assert capsys.readouterr().out == "too small\n"
    assert main(["show", study, "--output", "0"]) == 2
    assert "nothing is kept of what trial 0 printed" in capsys.readouterr().err
    assert main(["show", study, "--output", "7"]) == 2
    assert "has no trial 7" in capsys.readouterr().err


def test_show_json(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The output has the summary, and each trial with all fields."""
    assert main(["show", study, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["best_loss"], printed["stop_reason"]) == (0.25, "max_evals")
    assert printed["trials"] == 2  # a count, as in XCom
    first, second = printed["trial_rows"]
    assert first["start"] == "1970-01-01T00:00:10.000+00:00"
    assert (first["state"], first["slot"], first["attempt"], first["error"]) == ("ok", 0, 1, None)
    assert second["error"] == {
        "kind": "raised",
        "message": "ValueError: too [bold]small[/bold]",
        "traceback": "Traceback ...",
    }


def test_show_prints_the_last_event_of_an_open_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The time of the last event is by the driver's clock; the user judges whether that is long ago."""
    storage = open_storage(str(tmp_path))
    spec = Spec.of(objective="m:f", space=SPACE, max_evals=2)
    Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=1, dimensions=(), take_over=False, wall=lambda: 10.0
    )
    assert main(["show", str(tmp_path)]) == 0
    assert "lost, its driver died; last update 1970-01-01T00:00:10.000+00:00\n" in capsys.readouterr().out


def test_no_trial_runs_once_the_driver_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The driver was killed with SIGKILL, so its journal has no end of the trial."""
    write(open_storage(str(tmp_path)), 1, [opened(), trial(0, loss=0.5), trial(1)])

    assert main(["show", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "running" not in shown
    assert "1 ok, 1 cut off" in shown
    assert main(["show", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["counts"]["running"], found["counts"]["cancelled"]) == (0, 1)
    assert found["trial_rows"][1]["state"] == "cancelled"


def test_report(study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report is one self-contained file."""
    assert main(["report", study, "--output", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    assert page.startswith("<!doctype html>")
    assert 'src="http' not in page


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_eval: 3", "did you mean 'max_evals'"),
        (
            "objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 3\nno_progress: 2",
            "did you mean 'limits.no_progress'",
        ),
        ("objective: m:f\nspace: {x: {uniform: [0, 1]}}", "a spec must have one of max_evals, timeout"),
        ("space: {x: {uniform: [0, 1]}}\nmax_evals: 3", "a spec must have objective, got none"),
        (
            "objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9\n"
            "retuning: {incumbent: champion, confirm: 2}",
            "retuning.confirm.repeats must be a whole number from 3 to 100",
        ),
        ("objective: m:f\nspace: {x: {loguniform: [0, 1]}}\nmax_evals: 3", "must be above 0"),
        (
            '{"objective": "m:f", "space": {"x": {"loguniform": [1e-05, 1]}},\n\t"max_evals": 0}',
            "max_evals must be",
        ),
        ("objective: m:f\nspace: {x: {loguniform: [1e-5, 1]}}\nmax_evals: 0", "max_evals must be"),
        ("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 3\nconf: a=b", "conf must be an object"),
        (
            "objective: m:f\nlimits: {no_progress: 3}\nlimits: {trial_timeout: 5}",
            "the key 'limits' twice in one object",
        ),
        ("objective: m:f\nobjective.x: 3", "got 'objective.x'; did you mean 'objective'"),
        ("objective: m:f\nsegmets: {north: {}}", "got 'segmets'; did you mean 'segments'"),
        ("objective: m:f\nconfig: {}", "got 'config'; did you mean 'conf'"),
        ("3: m:f", "a spec must have known keys only, got 3"),
        ("[1, 2]", "a spec file must hold keys and values, got list"),
        ("a: [", "the spec file must be JSON or YAML"),
    ],
)
def test_bad_specs(spec: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """stderr has rule, value and way out before anything starts; the exit code is 2."""
    (tmp_path / "spec.yaml").write_text(spec)
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", str(tmp_path / "study")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("command", ["show", "ui", "report"])
def test_a_missing_study(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error has the path."""
    assert main([command, str(tmp_path / "nothing")]) == 2
    assert f"found none at {tmp_path}/nothing" in capsys.readouterr().err


def test_ui_of_a_folder_of_studies_names_one(
    study: str, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """`list` finds them, but the pages of many studies are for those of Airflow's tasks."""
    folder = tmp_path_factory.mktemp("studies")
    shutil.copytree(study, folder / "churn.study")
    assert main(["ui", str(folder)]) == 2
    assert f"such as {folder}/churn.study" in capsys.readouterr().err


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


def test_an_older_result_is_not_reported_as_new(
    study: str, spark_submit: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A larger max_evals needs a driver; an error is printed if none starts."""
    spark_submit("exit 3")
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9")
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", study]) == 1
    printed = capsys.readouterr()
    assert "none did in this try; spark-submit ended with code 3" in printed.err
    assert "best" not in printed.out


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ("max_evals: 2", 0, ""),
        ("max_evals: 9", 0, "found with other limits; run the same command to continue with these"),
        (
            "max_evals: 2\nobjective_kwargs: {rows: 5}",
            1,
            "now holds another study (objective_kwargs['rows'] changed); the same command starts over",
        ),
    ],
)
def test_a_result_that_another_run_wrote_meanwhile(
    study: str,
    spark_submit: Callable[[str], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    asked: str,
    code: int,
    said: str,
) -> None:
    """A result of the same spec is delivered; if limits or identity differ, a message says so."""
    spark_submit(f'while [ "$1" != --study ]; do shift; done; cp -r "{study}/attempts" "$2"')
    (tmp_path / "spec.yaml").write_text(f"objective: m:f\nspace: {{x: {{uniform: [0, 1]}}}}\n{asked}")
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", str(tmp_path / "mine")]) == code
    printed = capsys.readouterr()
    assert said in printed.err if said else not printed.err
    assert "best" not in printed.out  # the driver's log has the summary


def test_interrupted(
    spark_submit: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After Ctrl-C, the message says how to continue, without a traceback."""
    spark_submit("kill -INT $PPID\nsleep 30")
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9")
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", str(tmp_path / "study")]) == 130
    assert "run the same command to continue" in capsys.readouterr().err


def test_no_spec_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error has the path."""
    assert main(["run", str(tmp_path / "spec.yaml")]) == 2
    assert "the spec file must be readable, got No such file" in capsys.readouterr().err


def test_options_override_the_file(
    spark_submit: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each argument of a spec is an option, with JSON for objects; options override the file."""
    spark_submit("exit 3")
    (tmp_path / "spec.yaml").write_text(
        "objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9\nseed: 1\n"
        "limits: {no_progress: 3, max_failures: 2}\nwarm_start: previous\n"
    )
    options = [
        "--max-evals",
        "200",
        "--parallelism",
        "8",
        "--objective-kwargs",
        '{"rows": 5}',
        "--execution.fresh-workers",
        "--limits.no-progress",
        "5",
        "--warm-start.share",
        "0.5",
    ]
    study = tmp_path / "study"
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", str(study), *options]) == 1
    spec = Spec.from_json(json.loads((study / "spec.json").read_text()))
    found = (spec.max_evals, spec.parallelism, spec.objective_kwargs, spec.execution.fresh_workers, spec.seed)
    assert found == (200, 8, {"rows": 5}, True, 1)
    assert (spec.limits.no_progress, spec.limits.max_failures) == (5, 2)
    assert (spec.warm_start.points, spec.warm_start.share) == ("previous", 0.5)


def test_every_argument_of_a_spec_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    """All arguments are options, and the help describes each."""
    assert main(["run", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for item in ARGUMENTS:
        assert f"--{item.name.replace('_', '-')}" in said
        assert " ".join(item.doc.replace("`", "").split()[:4]) in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-evals", "many"], "max_evals must be a whole number of at least 1, got 'many'"),
        (["--objective-kwargs", "{rows: 5}"], "--objective-kwargs must be valid JSON if it is an object"),
        (["--objective-kwargs", "5"], "objective_kwargs must be an object"),
        (
            ["--master", "sparc://host:7077"],
            "--master must be local, local[N], spark://HOST:PORT, yarn",
        ),
        (["--max-eval", "5"], "No such option"),
    ],
)
def test_bad_options(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence is printed before anything starts."""
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9")
    assert main(["run", str(tmp_path / "spec.yaml"), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_spec_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The study must be named, because there is no file to name it after."""
    text = b"objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 0"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert main(["run", "-", "--study", str(tmp_path / "s")]) == 2
    assert "max_evals must be" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.replace(b": 0", b": 1"))))
    assert main(["run", "-"]) == 2
    assert "standard input must come with --study" in capsys.readouterr().err


def test_an_existing_result_is_printed(
    study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is submitted, so no driver prints the result."""
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 2")
    assert main(["run", str(tmp_path / "spec.yaml"), "--study", study]) == 0
    said = capsys.readouterr().out
    assert "already has a result" in said
    assert said.count("best params  x=0.5") == 1


def test_init_writes_a_working_spec_and_objective(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The spec and the objective fit each other; existing files are not replaced."""
    folder = tmp_path / "churn"
    assert main(["init", str(folder)]) == 0
    assert f"next: sparktune run {folder / 'spec.yaml'}" in capsys.readouterr().out
    spec = Spec.of(**yaml.safe_load((folder / "spec.yaml").read_text()))
    assert (spec.objective, spec.max_evals) == ("objective:loss", 40)
    namespace: dict[str, Any] = {}
    exec((folder / "objective.py").read_text(), namespace)
    assert namespace["loss"]({"lr": 0.1, "depth": 6, "booster": "gbtree"}) == 0.0
    (folder / "spec.yaml").unlink()
    (folder / "objective.py").write_text("mine")
    assert main(["init", str(folder)]) == 2
    assert "objective.py exists; name another folder, or add --force" in capsys.readouterr().err
    assert not (folder / "spec.yaml").exists()
    assert main(["init", str(folder), "--force"]) == 0


def test_list(study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is one line per study at any depth; other folders are skipped."""
    deep = tmp_path / "root" / "dag" / "task" / "run" / "g0"
    shutil.copytree(Path(study) / "attempts", deep / "attempts")
    (tmp_path / "root" / "data").mkdir()
    assert main(["list", str(tmp_path / "root")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "1970-01-01 00:00       2 trials  best 0.25       dag/task/run/g0  reached max_evals (2)"


@pytest.fixture
def other(tmp_path: Path) -> str:
    """Write a study with another budget, algorithm and result than `study`."""
    address = str(tmp_path / "other")
    storage = open_storage(address)
    spec = Spec.of(objective="m:f", space=SPACE, max_evals=5, algo="random")
    recorder = Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=1, dimensions=(), take_over=False, wall=lambda: 10.0
    )
    trial = Trial(number=0, params={"x": 0.123456}, point={"x": 0.1}, start=10.0, slot=0)
    recorder.trial(trial.ended(TrialState.OK, end=12.0, loss=0.125))
    recorder.close(StopReason.KILLED)
    return address


def test_compare(study: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Results, best params and differences of the specs are side by side."""
    assert main(["compare", study, other, study]) == 0
    rows = {line.split("  ")[0].strip(): line.split()[-3:] for line in capsys.readouterr().out.splitlines()}
    assert rows["best x"] == ["0.5", "0.1235", "0.5"]
    assert rows["spec: max_evals"] == ["2", "5", "2"]
    assert rows["spec: algo"] == ["auto", "random", "auto"]
    assert "spec: space" not in rows


@pytest.mark.parametrize(("columns", "tables"), [(200, 1), (100, 2), (40, 4)])
def test_compare_fits_the_terminal(
    study: str,
    other: str,
    columns: int,
    tables: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Texts are wrapped; studies that do not fit beside the others follow below them."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["compare", study, other, study, other]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert sum(line.startswith("best x ") for line in lines) == tables


def test_compare_needs_two_studies(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", study]) == 2
    assert "two studies or more" in capsys.readouterr().err


@pytest.fixture
def weeks(study: str, tmp_path: Path) -> Path:
    """Write three copies of a study, as for one task; the first has the champion."""
    task = tmp_path / "root" / "churn" / "tune"
    for run in range(3):
        shutil.copytree(Path(study) / "attempts", task / f"r{run}" / "g0" / "attempts")
    first = str(task / "r0" / "g0")
    Champions(str(task)).add(Action.FIRST, cause=first, at=1.0, params={}, reason="best", study=first)
    return tmp_path / "root"


@pytest.mark.parametrize(("answer", "removed"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_remove_asks_for_confirmation(
    weeks: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    removed: bool,
) -> None:
    """The command lists the studies to remove, without that of the champion."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert main(["remove", str(weeks), "--keep", "1h"]) == 0
    out = capsys.readouterr().out
    assert "1970-01-01 00:00  churn/tune/r1/g0" in out
    assert "r0" not in out
    assert "remove these 2 of 3 studies?" in out
    assert ("removed 2 studies" if removed else "nothing was removed") in out
    runs = {path.name for path in (weeks / "churn" / "tune").iterdir()}
    assert runs == {"@champions", "r0", *(() if removed else ("r1", "r2"))}


def test_remove_without_confirmation(weeks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remove", str(weeks), "--keep", "1h", "--yes"]) == 0
    assert main(["remove", str(weeks), "--keep", "1h", "--yes"]) == 0
    assert "nothing to remove: 1 studies, all kept" in capsys.readouterr().out
    assert main(["remove", str(weeks), "--keep", "some"]) == 2
    assert "--keep must be a number of studies, or an age" in capsys.readouterr().err


def test_remove_in_the_current_folder(weeks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study of the champion is also recognised by a relative path."""
    monkeypatch.chdir(weeks / "churn" / "tune")
    assert main(["remove", "--keep", "1h", "--yes"]) == 0
    assert (weeks / "churn" / "tune" / "r0").exists()


def test_an_unreadable_folder_does_not_hide_the_others_in_the_list(
    weeks: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = LocalStorage.names

    def refuse(storage: LocalStorage, folder: str) -> list[str]:
        if "r0" in (storage._root / folder).parts:
            raise StorageError("the study folder must be readable, got Permission denied for r0")
        return names(storage, folder)

    monkeypatch.setattr(LocalStorage, "names", refuse)
    assert main(["list", str(weeks)]) == 0
    shown = capsys.readouterr()
    assert ["churn/tune/r1/g0" in line or "churn/tune/r2/g0" in line for line in shown.out.splitlines()] == [
        True,
        True,
    ]
    assert shown.err == "sparktune: the study folder must be readable, got Permission denied for r0\n"


def test_stop(study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The running attempt gets the request; a study that has ended gets none."""
    assert main(["stop", study]) == 2
    assert (
        f"only a running study can be stopped, but the one at {study} is not: reached max_evals (2)"
        in capsys.readouterr().err
    )
    storage = open_storage(str(tmp_path / "open"))
    spec = Spec.of(objective="m:f", space=SPACE, max_evals=2)
    Recorder.open(storage, StudyFollower(storage), spec=spec, seed=1, dimensions=(), take_over=False)
    assert main(["stop", str(tmp_path / "open")]) == 0
    assert "asked attempt 1 to stop; none of its trials has succeeded yet" in capsys.readouterr().out
    request = stop_requested(storage, attempt=1)
    assert request is not None
    assert request.by == getpass.getuser()
    assert stop_requested(storage, attempt=2) is None


def test_a_lost_study_is_not_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = open_storage(str(tmp_path))
    write(storage, 1, [opened(), trial(0)])
    assert main(["stop", str(tmp_path)]) == 2
    assert "is not: lost, its driver died; last update 2023-11-14" in capsys.readouterr().err
    assert stop_requested(storage, attempt=1) is None


def test_report_to_standard_output(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the page is printed."""
    assert main(["report", study, "--output", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each shell gets its own script."""
    assert main(["completion", shell]) == 0
    assert "_SPARKTUNE_COMPLETE" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the package."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sparktune, version {__version__}\n"


def test_the_list_of_commands_matches_their_help() -> None:
    """The list imports no command, so it has copies of the texts."""
    for name, (_, text) in COMMANDS.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert (command.name, command.get_short_help_str(200)) == (name, text)


@pytest.mark.parametrize("options", [[], ["--json"]], ids=str)
def test_a_closed_pipe(study: str, options: list[str]) -> None:
    """`sparktune show | head` ends without a traceback."""
    program = "import sys; from airflow_sparktune.cli import main; sys.exit(main(sys.argv[1:]))"
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", program, "show", study, *options]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.stderr == b""


def test_escape_sequences_of_a_journal_are_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences in params and messages are not printed."""
    storage = open_storage(str(tmp_path))
    spec = Spec.of(objective="m:f", space=SPACE, max_evals=2)
    recorder = Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=1, dimensions=(), take_over=False
    )
    first = Trial(number=0, params={"x": "\x1b[2J"}, point={"x": 0.5}, start=10.0, slot=0)
    recorder.trial(first.ended(TrialState.OK, end=12.0, loss=0.25))
    failure = Failure(FailureKind.RAISED, "\x1b]0;title\x07", "")
    second = Trial(number=1, params={"x": 0.1}, point={"x": 0.1}, start=12.0, slot=0)
    recorder.trial(second.ended(TrialState.FAILED, end=13.0, error=failure))
    recorder.close(StopReason.MAX_EVALS)
    assert main(["show", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "title" in said
    assert not {"\x1b", "\x07"} & set(said)


def test_a_note_is_written_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = str(tmp_path)
    write(LocalStorage(study), 1, [opened(), trial(0, 0.5), closed()])

    assert main(["note", study, "Before the price change."]) == 0
    assert main(["note", study]) == 0

    assert capsys.readouterr().out == "Before the price change.\n"
    assert main(["note", study, "x" * 2001]) != 0
    assert "at most 2000 characters" in capsys.readouterr().err
