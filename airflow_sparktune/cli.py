"""`sparktune`: the same study from a shell.

sparktune run SPEC [--study DIR] [--master local[4]]    run a study, or go on with it
sparktune show STUDY [--json]                           print what its journal holds
sparktune ui STUDY [--port N]                           serve the page of Airflow's Tuning tab
sparktune report STUDY [--output FILE]                  write that page into one HTML file
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from airflow_sparktune.errors import SparktuneError, SpecError, StorageError
from airflow_sparktune.study.follow import StudyFollower, read_study
from airflow_sparktune.study.result import counts, iso, summary, trial_row
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.written_spec import read_written_spec

if TYPE_CHECKING:
    from airflow_sparktune.orchestrator.deploy.job import Submission
    from airflow_sparktune.orchestrator.deploy.way import Way

# How often the progress bar looks at the journal.
REFRESH_S = 0.25


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its code: 0 done, 1 worth another try, 2 something to mend first.

    130 is Ctrl-C, 143 SIGTERM.
    """
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except SparktuneError as error:
        print(f"sparktune: {error}", file=sys.stderr)
        return 1 if error.retryable else 2
    except KeyboardInterrupt:
        print("sparktune: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sparktune", description="Tune hyperparameters on Spark.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a study, or go on with it")
    run.add_argument(
        "spec", type=Path, help="a JSON or YAML file; its keys are the operator's argument names"
    )
    run.add_argument("--study", help="the study's folder or URL (default: the spec's name with .study)")
    run.add_argument("--master", default="local[*]", help="the Spark master (default: %(default)s)")
    run.set_defaults(command=_run)

    show = commands.add_parser("show", help="print what a study's journal holds")
    show.add_argument("study", help="the study's folder or URL")
    show.add_argument("--json", action="store_true", help="all of it, as JSON")
    show.set_defaults(command=_show)
    ui = commands.add_parser("ui", help="serve the page of Airflow's Tuning tab for one study")
    ui.add_argument("study", help="the study's folder or URL")
    ui.add_argument("--port", type=int, default=8501, help="on this machine (default: %(default)s)")
    ui.set_defaults(command=_ui)

    report = commands.add_parser("report", help="write the page of a study into one HTML file")
    report.add_argument("study", help="the study's folder or URL")
    report.add_argument("--output", type=Path, default=Path("report.html"), help="default: %(default)s")
    report.set_defaults(command=_report)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from airflow_sparktune.driver.termination import KILLED, Killed, terminable

    try:
        with terminable():
            return _run_study(arguments)
    except Killed:
        print("sparktune: killed; the same command goes on where it stopped", file=sys.stderr)
        return KILLED


def _run_study(arguments: argparse.Namespace) -> int:
    from airflow_sparktune.orchestrator.deploy.job import Job, Target
    from airflow_sparktune.orchestrator.deploy.run import run_job
    from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
    from airflow_sparktune.orchestrator.deploy.user_code import gather_code

    given = read_written_spec(arguments.spec)
    conf = given.pop("conf", None) or {}
    if not isinstance(conf, dict):
        raise SpecError(f"conf must be an object of Spark settings by name, got {conf!r}")
    bases = (arguments.spec.resolve().parent, Path.cwd())
    named, code = gather_code(given, bases=bases)
    spec = Spec.of(**named, code=code.sha256 if code else None)
    address = arguments.study or str(Path.cwd() / f"{arguments.spec.stem}.study")
    address = address if "://" in address else str(Path(address).resolve())

    def target() -> Target:
        return Target(
            master=arguments.master,
            deploy_mode="client",
            install=SparkInstall.find("spark-submit"),
            conf=conf,
        )

    def launch(way: Way, submission: Submission, start: Callable[[], None]) -> Exception | None:
        start()
        return _follow(way, submission, arguments.master, address, spec)

    outcome = run_job(
        Job(address=address, spec=spec, code=code),
        before=read_study(address).study,
        target=target,
        launch=launch,
        again="the same command",
    )
    if outcome.known_before:
        print(f"the study at {address} has a result already")
    if outcome.within_other_limits:
        note = "this result was found within other limits; the same command goes on within these"
        print(f"sparktune: {note}", file=sys.stderr)
    return _print_result(outcome.study)


@dataclass(frozen=True, slots=True)
class _Process:
    """spark-submit as a child of this shell."""

    pid: int

    def end_in_cluster(self) -> None:
        """Nothing: in client mode nothing of it runs there."""


def _follow(way: Way, submission: Submission, master: str, address: str, spec: Spec) -> Exception | None:
    """Run spark-submit to its end: a live bar in a terminal, the driver's own lines elsewhere.

    Returns what it says went wrong, if anything.
    """
    from airflow_sparktune.orchestrator.deploy.process import die_with_parent
    from airflow_sparktune.orchestrator.deploy.spark_conf import write_properties

    live = sys.stdout.isatty()
    write_properties(submission.properties, submission.conf)
    log = submission.folder / "driver.log"
    with log.open("w+") as output:
        process = subprocess.Popen(
            submission.command("spark-submit", master),
            env={**os.environ, **submission.environment},
            cwd=submission.folder,
            stdin=subprocess.DEVNULL,
            stdout=output if live else None,
            stderr=subprocess.STDOUT if live else None,
            preexec_fn=die_with_parent(),
        )
        try:
            if live:
                _draw(process, address, spec)
            process.wait()
        finally:
            way.kill(_Process(process.pid), submission)
            process.wait()
        if live and process.returncode:
            _print_tail(output)
    return RuntimeError(f"spark-submit ended with code {process.returncode}") if process.returncode else None


def _draw(process: subprocess.Popen[bytes], address: str, spec: Spec) -> None:
    """A progress bar that follows the journal until the driver has ended."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    follower = StudyFollower(open_storage(address))
    with Progress(*columns) as progress:
        bar = progress.add_task("starting Spark", total=spec.max_evals)
        while process.poll() is None:
            time.sleep(REFRESH_S)
            follower.refresh()
            progress.update(bar, completed=follower.study.finished, description=_standing(follower.study))


def _standing(study: Study) -> str:
    if not study.attempts:
        return "starting Spark"
    best = study.best
    failed = counts(study)["failed"]
    told = f"best {best.loss:.6g} (#{best.number})" if best else "no result yet"
    return f"{told}, {failed} failed" if failed else told


def _print_tail(output: IO[str], lines: int = 20) -> None:
    output.seek(0)
    sys.stderr.writelines(output.readlines()[-lines:])


def _existing(address: str) -> Study:
    """The study at an address, which must be one; what was skipped in its journal is said."""
    follower = read_study(address)
    if not follower.study.attempts:
        raise StorageError(f"a study folder must hold a journal, found none at {address}; check the path")
    for problem in follower.problems:
        print(f"sparktune: {problem}", file=sys.stderr)
    return follower.study


def _ui(arguments: argparse.Namespace) -> int:
    from airflow_sparktune.dashboard.server import serve

    _existing(arguments.study)
    print(f"http://127.0.0.1:{arguments.port} (Ctrl-C ends it)", flush=True)
    serve(arguments.study, port=arguments.port)
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from airflow_sparktune.dashboard.page.html_report import report

    study = _existing(arguments.study)
    arguments.output.write_text(report(study, title=arguments.study), encoding="utf-8")
    print(arguments.output)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    study = _existing(arguments.study)
    if arguments.json:
        trials = [trial_row(study.trials[number]) for number in sorted(study.trials)]
        print(json.dumps({**summary(study), "trials": trials}, indent=2))
        return 0
    _print_trials(study)
    return _print_result(study)


def _print_trials(study: Study) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("#", "state", "loss", "seconds", "slot", "attempt", "params", box=None)
    for number in sorted(study.trials):
        trial = study.trials[number]
        took = f"{trial.end - trial.start:.1f}" if trial.end is not None and trial.start is not None else ""
        loss = "" if trial.loss is None else f"{trial.loss:.6g}"
        told = json.dumps(trial.params) if trial.error is None else trial.error.message.splitlines()[0]
        cells = (number, trial.state.value, loss, took, trial.slot, trial.attempt, told)
        table.add_row(*(Text(str(cell)) for cell in cells))
    for column in table.columns:
        column.no_wrap = True
    # Into a pipe goes a trial a line, however long.
    Console(width=None if sys.stdout.isatty() else 1_000).print(table)


def _print_result(study: Study) -> int:
    told = summary(study)
    trials = ", ".join(f"{count} {state}" for state, count in told["counts"].items() if count)
    print(f"trials       {trials}")
    print(f"stopped by   {told['stop_reason'] or 'nothing yet'}")
    if study.closed is None:
        print(f"last word    {iso(study.attempts[-1].last)}")
    if study.best is not None:
        print(f"best loss    {told['best_loss']:.6g} (trial {told['best_number']})")
        print(f"best params  {json.dumps(told['best_params'])}")
    return 0
