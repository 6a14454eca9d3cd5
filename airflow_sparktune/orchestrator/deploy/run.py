"""Run a job to its result, in the same steps for the Airflow task and the shell."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from airflow_sparktune.errors import DriverLost, SpecError, StorageError, revive
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, SubmitFailed
from airflow_sparktune.orchestrator.deploy.launcher import Launcher
from airflow_sparktune.orchestrator.deploy.work_folder import work_folder
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.file import write_retuning, write_spec
from airflow_sparktune.study.files.code import write_code
from airflow_sparktune.study.journal.follow import read_whole
from airflow_sparktune.study.record.earlier import earlier_study
from airflow_sparktune.study.record.settled import refuse_another_decision
from airflow_sparktune.study.segments import write_segments
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)


def check_warm_start(address: str, *, in_cluster: bool) -> None:
    """Raise SpecError if there is no study at an address that the driver opens, too."""
    if in_cluster and "://" not in address:
        return  # the driver's machine may have that folder
    with suppress(StorageError):  # the driver has credentials of its own
        earlier_study(address)


class Standing(NamedTuple):
    """The newest attempt of a study, and the time at which it closed. Both change when a driver writes."""

    attempt: int = 0
    closed: float | None = None

    @classmethod
    def of(cls, study: Study) -> Standing:
        """Return the standing of a study."""
        closed = None if study.closed is None else study.closed.at
        return cls(study.attempts[-1].number if study.attempts else 0, closed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A study with the result of a job. `failure` is an error of the submission despite the result."""

    study: Study
    failure: Exception | None = None
    known_before: bool = False
    within_other_limits: bool = False


def run_job(
    job: Job,
    *,
    before: Study,
    launcher: Callable[[], Launcher],
    following: Callable[[Submission], AbstractContextManager[Any]] = nullcontext,
    again: str = "a retry",
) -> Finished:
    """Submit a job and return its result, or the result that the study already has.

    `before` is the current study. `launcher` is called only if there is something to run, and the driver runs
    in the context `following`. `again` describes in errors how to retry. Raises the error that the driver
    recorded, or DriverLost; SpecError if the study has decided by another rule.
    """
    if has_result(job, before):
        return Finished(study=before, known_before=True)
    chosen = launcher()

    with prepared(job, before=before, launcher=chosen) as submission, following(submission):
        failure = chosen.follow(submission, lambda: hand_over(job, submission))
    standing = Standing.of(before)
    return finished(job.address, spec=job.spec, before=standing, failure=failure, again=again)


def finished(
    address: str, *, spec: Spec | None, before: Standing, failure: Exception | None, again: str
) -> Finished:
    """Return the study whose application has ended, or raise its error, as `result_of` does."""
    study = result_of(address, spec=spec, before=before, failure=failure, again=again)
    other_limits = spec is not None and not study.answers(spec)
    return Finished(study=study, failure=failure, within_other_limits=other_limits)


def hand_over(job: Job, submission: Submission) -> None:
    """Write the files that the driver reads from the study folder."""
    if submission.code is not None:
        write_code(job.address, submission.code)
    if job.segments is not None:
        write_segments(job.address, job.segments)
    elif job.spec is not None:
        write_spec(job.address, job.spec)
    elif job.retuning:
        write_retuning(job.address, job.retuning)


def has_result(job: Job, before: Study) -> bool:
    """Return whether the study already has the job's result; SpecError if it has decided by another rule."""
    asked = _asked(job, before)
    if asked is not None:
        refuse_another_decision(before, asked)
    return job.spec is not None and before.answers(job.spec)


@contextmanager
def prepared(job: Job, *, before: Study, launcher: Launcher) -> Iterator[Submission]:
    """Check a job and pack its files into a work folder, which is removed at the end of the context."""
    with work_folder() as folder:
        submission = launcher.submission(job, folder)
        if job.warm_start is not None and before.starts is None:
            check_warm_start(job.warm_start, in_cluster=submission.reconnection is not None)
        yield submission


def _asked(job: Job, before: Study) -> Spec | None:
    """Return the spec of a job; that of a script is the journal's, with the job's retuning fields."""
    if job.spec is not None or before.spec is None:
        return job.spec
    return before.spec.with_script_fields(job.retuning)


def result_of(
    address: str,
    *,
    spec: Spec | None,
    before: Standing,
    failure: Exception | None,
    again: str = "a retry",
    sleep: Callable[[float], None] = time.sleep,
) -> Study:
    """Return the study with the result of its newest attempt; raises the error that the attempt recorded.

    `spec` is the submitted one, None for a script. `before` is the study's standing before the submission;
    results of that time do not come from this application. `failure` is the error of the submission, if any.
    `again` describes in messages how to retry. A storage may list late what the driver has written last:
    `sleep` waits for it.
    """
    study = read_whole(open_storage(address), sleep=sleep).study
    news = Standing.of(study) != before
    changed = study.spec.changed_identity(spec) if spec is not None and study.spec is not None else ()
    if changed and (news or failure is None):
        raise DriverLost(
            f"the study at {address} must be the submitted one, but its journal now holds another study "
            f"({', '.join(changed)} changed); {again} starts over"
        ) from failure
    if study.result_stands and (news or failure is None):
        return study
    recorded = study.closed.error if news and study.closed is not None else None
    error = None if recorded is None else revive(recorded)
    if error is not None and not error.retryable:
        raise error  # the reason; the end of spark-submit adds nothing to it
    if isinstance(failure, SubmitFailed) and failure.spark_log:
        log.info("the last lines of Spark's own log:\n%s", "\n".join(failure.spark_log))
    if error is not None:
        raise error from failure
    if news:
        raise DriverLost(
            f"the driver ended without a verdict after {study.finished} finished trials; "
            f"{again} continues the study"
        ) from failure
    if failure is not None:
        raise DriverLost(
            f"a driver must open the study at {address}, but none did in this try; {failure}"
        ) from failure
    raise SpecError(
        f"the application must write a result to the study at {address}, but there is none; a script must "
        "tune with airflow_sparktune.SparkTrials, in a storage that both the driver and Airflow reach"
    )
