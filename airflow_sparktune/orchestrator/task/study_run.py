"""The run of an operator's study in a task: its job, its driver, its progress.

Only a worker imports this file, because a DAG processor imports all that an operator imports at each parse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Never

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from airflow_sparktune.orchestrator.deploy.job import Job, Submission
from airflow_sparktune.orchestrator.deploy.plan import plan
from airflow_sparktune.orchestrator.deploy.run import Finished, Standing, finished, run_job
from airflow_sparktune.orchestrator.lineage import collect_inputs
from airflow_sparktune.orchestrator.links import SparkUiLink, spark_ui
from airflow_sparktune.orchestrator.operator import SparkTuneOperator
from airflow_sparktune.orchestrator.production import require_retuning
from airflow_sparktune.orchestrator.secrets import redact
from airflow_sparktune.orchestrator.task.generation import address_of, begin_study, champions_of
from airflow_sparktune.orchestrator.task.operator_job import OperatorJob
from airflow_sparktune.orchestrator.task.progress import KEY, PERIOD_S, progress, repeated, study_look
from airflow_sparktune.orchestrator.task.storage import warn_of_local_storage
from airflow_sparktune.orchestrator.task.tracking import catch_up, tracked, tracking_environment
from airflow_sparktune.orchestrator.waiting.deferred import Pending, failure_of, submitted
from airflow_sparktune.orchestrator.waiting.watch import End
from airflow_sparktune.study.definition.checks import flag
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.promotion import decision_in_force
from airflow_sparktune.study.study import Study


def run_study(task: SparkTuneOperator, context: Context) -> Study:
    """Return the study with its result, also one that it already has; raises the error of the study."""
    run = StudyRun(task, context)
    job, tracker = run.prepare()
    return run.decided(job.address, run.to_its_end(job, tracker))


def deferred_study(task: SparkTuneOperator, context: Context, pending: Any, event: Any) -> Study:
    """Return the study with the result of the application that this try has submitted before it deferred.

    Raises the error of the study; TaskDeferred if the application is still running.
    """
    run, submission = StudyRun(task, context), Pending.from_json(pending)
    address, spec = submission.address, submission.spec
    run.begin(address)
    failure = failure_of(task, context, submission, End.from_json(event))
    try:
        catch_up(address, tracking_environment(task.tracking) if task.tracking else None)
    finally:
        task.run_deferred_commands()
    found = finished(
        address, spec=spec, before=submission.waiting.before, failure=failure, again=next_try(context)
    )
    run.tell(found.study, progress(found.study))
    return run.decided(address, run.checked(found, script=spec is None))


@dataclass(frozen=True, slots=True)
class StudyRun:
    """The run of an operator's study, or of its segments, in the context of a task."""

    task: SparkTuneOperator
    context: Context

    @property
    def _asked(self) -> OperatorJob:
        return OperatorJob(self.task, self.context)

    def begin(self, address: str) -> None:
        """Tell Airflow of the study and its inputs, in each process of the task."""
        self.task.study_address = address
        collect_inputs(self.task, [self.task.objective_kwargs, self.task.segments])

    def decided(self, address: str, study: Study) -> Study:
        """Return a study with the decision that the record of champions has in force."""
        record = Champions(champions_of(self.context, self.task.storage), self._asked.segment)
        study.decision = decision_in_force(study, address, record)
        return study

    def prepare(self) -> tuple[Job, Mapping[str, str] | None]:
        """Check the task's arguments; return its job, and the variables of its tracker if it has one.

        With `validate_only`, raises AirflowSkipException after all checks.
        """
        task, context = self.task, self.context
        given = task.given_fields()
        if task.keep_studies is not None:
            Keep.of("keep_studies", task.keep_studies)
        if task.production is not None:
            require_retuning(context, task.production, incumbent=given.get("retuning.incumbent"))
        tracker = tracking_environment(task.tracking) if task.tracking else None
        address = address_of(context, task.storage)
        job = self._asked.job(address, given)
        if flag("validate_only", task.validate_only):
            self._validate(job)
        self.begin(address)
        return job, tracker

    @contextmanager
    def under_way(self, address: str, tracker: Mapping[str, str] | None) -> Iterator[None]:
        """Claim the study at `address` for this task, and track it, until the driver has ended."""
        task, context = self.task, self.context
        begin_study(context, address, task.storage)
        try:
            with tracked(address, tracker):
                yield
        finally:
            task.run_post_submit_commands()

    def following(
        self, address: str, look: Callable[[], None], submission: Submission
    ) -> AbstractContextManager[None]:
        """Call `look` every few seconds while a driver runs, to report the progress to Airflow."""
        warn_of_local_storage(address, in_cluster=submission.reconnection is not None)
        self.task.log.info("study: %s", address)
        return repeated(look, every_s=PERIOD_S)

    def tell(self, study: Study, state: dict[str, Any]) -> None:
        """Report the state of a task, and the address of Spark's UI as a study knows it, to Airflow."""
        if (store := self.context.get("task_state_store")) is not None:
            store.set(KEY, state)
        if (url := spark_ui(study)) is not None and url != self.task.spark_ui:
            self.task.spark_ui = url
            self.context["ti"].xcom_push(key=SparkUiLink().xcom_key, value=url)

    def _validate(self, job: Job) -> Never:
        """Log what would be submitted, push it to XCom, and skip the task."""
        before = read_study(job.address).study
        found = plan(job, before=before, launcher=partial(self.task.launcher, self.context))
        # Airflow masks its log, but not what is pushed to XCom.
        self.task.log.info("what would be submitted:\n%s", redact(found.text()))
        self.context["ti"].xcom_push(key="plan", value=redact(found.to_json()))
        raise AirflowSkipException("everything is valid, and nothing was submitted: validate_only is set")

    def to_its_end(self, job: Job, tracker: Mapping[str, str] | None) -> Study:
        """Run or resume a job with one study, and return that."""
        task, address = self.task, job.address
        before = read_study(address)
        for problem in before.problems:
            task.log.warning("journal: %s", problem)
        look = study_look(address, lambda study: self.tell(study, progress(study)))
        if task.deferrable:
            standing = Standing.of(before.study)
            task.hand_over = partial(submitted, task, self.context, address, job.spec, standing)
        with self.under_way(address, None if task.deferrable else tracker):
            found = run_job(
                job,
                before=before.study,
                launcher=partial(task.launcher, self.context),
                following=partial(self.following, address, look),
                again=next_try(self.context),
            )
        if found.known_before:
            task.log.info("the study at %s already has a result; returning it", address)
        if task.deferrable:  # and not deferred: the study has its result
            catch_up(address, tracker)
        return self.checked(found, script=bool(job.script))

    def checked(self, found: Finished, *, script: bool) -> Study:
        """Return the study of a job; raises the error of a script that failed after its study."""
        if found.within_other_limits:
            self.task.log.warning(
                "this result was found with other limits; clear the task to tune with these"
            )
        if script and found.failure is not None:
            raise found.failure
        return found.study


def next_try(context: Context) -> str:
    """Return what continues the study after this try has failed."""
    ti = context["ti"]
    return "a retry" if ti.try_number <= ti.max_tries else "after this last try, a clear of the task"
