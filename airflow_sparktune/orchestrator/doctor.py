"""Check a platform by the smallest study: one trial, which tells where it ran and what it could reach."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_sparktune.errors import DriverLost, SparktuneError
from airflow_sparktune.orchestrator.deploy.job import Job, Submission
from airflow_sparktune.orchestrator.deploy.launcher import Launcher
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import open_storage, without_connection
from airflow_sparktune.study.storage.probe import SEEN, write_and_read
from airflow_sparktune.study.study import Study
from airflow_sparktune.version import __version__

PROBE = "airflow_sparktune.executor.probe"
# The folder of the studies of this module below the root of a storage.
FOLDER = "@doctor"
REPORTS_PORT = "spark.sparktune.reports.port"


class State(StrEnum):
    """The outcome of a check; a study runs despite a warning."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """A check: what was found, or the problem and the way out."""

    name: str
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks; `retryable` tells whether the failure may pass by itself."""

    checks: Sequence[Check]
    retryable: bool = False

    @property
    def healthy(self) -> bool:
        """Return whether nothing has failed."""
        return all(check.state is not State.FAILED for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the checks as a JSON object."""
        found = [{"name": each.name, "state": each.state.value, "text": each.text} for each in self.checks]
        return {"healthy": self.healthy, "checks": found}


# In the order in which they are made. After one that fails, the others are skipped.
NAMES = ("storage", "connection", "driver", "executor", "storage from there", "reports")


def examine(root: str, launcher: Callable[[], Launcher], *, timeout: float) -> Diagnosis:
    """Check the storage at `root`, and the Spark to which `launcher` submits; `timeout` is the study's."""
    address = f"{root.rstrip('/')}/{FOLDER}/{secrets.token_hex(6)}"
    checks: list[Check] = []
    retryable = False

    def found(text: str, state: State = State.OK) -> None:
        checks.append(Check(NAMES[len(checks)], state, text))

    try:
        open_storage(address).write(SEEN, b"")
        write_and_read(address, "probe")
        found(f"this machine may write, read, list and remove files in {root}")
        _examine_spark(address, launcher, found, timeout=timeout)
    except SparktuneError as error:
        text = str(error)
        if isinstance(error, DriverLost):
            text = f"{_one_line(text)}; check that the master answers, and read the end of the driver's log"
        found(text, State.FAILED)
        retryable = error.retryable
    finally:
        with suppress(SparktuneError):  # it has failed before
            open_storage(address).clear(within=root)
    skipped = (Check(name, State.SKIPPED, "not checked") for name in NAMES[len(checks) :])
    return Diagnosis([*checks, *skipped], retryable)


def _examine_spark(
    address: str, launcher: Callable[[], Launcher], found: Callable[..., None], *, timeout: float
) -> None:
    job = Job(address=address, spec=_spec(without_connection(address), timeout=timeout))

    def submitting(submission: Submission) -> AbstractContextManager[None]:
        target = submission.target
        mode = target.deploy_mode or "client"
        here = f"Python {platform.python_version()}, airflow-sparktune {__version__}"
        found(f"{here}, submits to {target.master} in {mode} mode with the Spark in {target.install.home}")
        return nullcontext()

    try:
        study = run_job(
            job, before=Study(), launcher=launcher, following=submitting, again="another try"
        ).study
    except SparktuneError:
        study = read_study(address).study
        if study.attempts:
            found(f"{_driver(study)}, and writes to the storage")
        raise
    told = study.trials[0].info
    driver, executor, problem = told["driver"], told["executor"], told["storage"]
    found(f"{_driver(study)} and Spark {driver['spark']}, and writes to the storage")
    found(f"on {executor['host']}, Python {executor['python']} and Spark {executor['spark']}")
    if problem is None:
        found("the executor may write, read, list and remove files there, too")
    else:
        found(
            f"{problem}; studies run without it, but an objective that uses this storage fails: give "
            "executors its credentials, and a URL or a shared file system",
            State.WARNING,
        )
    if study.curves.get(0):
        found("a trial has reported to the driver, and got an answer")
    else:
        found(
            f"{study.reports_lost or 'no report has arrived'}; trials go on without pruning: let executors "
            f"reach the driver, at a port that {REPORTS_PORT} can fix",
            State.WARNING,
        )


def _one_line(text: str) -> str:
    """Return the first line, and the cause that Java has on the second one, without its stack or a log."""
    first, *rest = text.splitlines()
    return first + rest[0] if rest and rest[0].startswith(": ") else first


def _spec(address: str, *, timeout: float) -> Spec:
    return Spec.of(
        objective=f"{PROBE}:objective",
        space={"x": {"uniform": [0, 1]}},
        objective_kwargs={"address": address},
        execution={"shared_data": f"{PROBE}:here"},
        algo="random",
        max_evals=1,
        parallelism=1,
        timeout=timeout,
    )


def _driver(study: Study) -> str:
    return f"on {study.attempts[-1].host}, Python {study.versions.get('python')}"
