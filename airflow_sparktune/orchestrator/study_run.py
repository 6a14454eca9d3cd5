"""The run of an operator's study in a task: its job, its driver, its progress.

Only a worker imports this file. What an operator imports is paid at each parse of a DAG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Never

from airflow.sdk.exceptions import AirflowSkipException

from airflow_sparktune import connections
from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.arguments import SPEC_ARGUMENTS
from airflow_sparktune.orchestrator.checks.lookup import brings_code, check_references
from airflow_sparktune.orchestrator.deploy.job import Job, Submission
from airflow_sparktune.orchestrator.deploy.plan import plan
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.orchestrator.deploy.user_code import UserCode, find_script, script_imports
from airflow_sparktune.orchestrator.lineage import collect_inputs
from airflow_sparktune.orchestrator.links import SparkUiLink, spark_ui
from airflow_sparktune.orchestrator.production import require_alias
from airflow_sparktune.orchestrator.progress import KEY, PERIOD_S, progress, repeated, study_look
from airflow_sparktune.orchestrator.secrets import redact, refuse_secrets
from airflow_sparktune.orchestrator.segments import require_no_segments, segments_of
from airflow_sparktune.orchestrator.task_study import (
    address_of,
    airflow_task_of,
    champions_of,
    claim,
    code_bases,
    moment_of,
    segment_of,
    share_storage,
    warn_of_local_storage,
)
from airflow_sparktune.orchestrator.tracking import tracked, tracking_environment
from airflow_sparktune.study.airflow_task import write_task
from airflow_sparktune.study.definition import SCRIPT, Execution, Spec, given_fields, nested
from airflow_sparktune.study.definition.checks import flag
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.earlier import address_in
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.promotion import decision_in_force
from airflow_sparktune.study.segments import parse_segments
from airflow_sparktune.study.storage import without_connection
from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sparktune.orchestrator.operator import SparkTuneOperator


def run_study(task: SparkTuneOperator, context: Context) -> Study:
    """Return the study with its result, also one that it already has; raises the error of the study."""
    run = StudyRun(task, context)
    job, tracker = run.prepare()
    study = run.to_its_end(job, tracker)
    record = Champions(champions_of(context, task.storage), run.segment)
    study.decision = decision_in_force(study, job.address, record)
    return study


@dataclass(frozen=True, slots=True)
class StudyRun:
    """The run of an operator's study, or of its segments, in the context of a task."""

    task: SparkTuneOperator
    context: Context

    def prepare(self) -> tuple[Job, Mapping[str, str] | None]:
        """Check the task's arguments; return its job, and the variables of its tracker if it has one.

        With `validate_only`, raises AirflowSkipException after all checks.
        """
        task, context = self.task, self.context
        given = given_fields({name: getattr(task, name) for name in SPEC_ARGUMENTS})
        if task.keep_studies is not None:
            Keep.of("keep_studies", task.keep_studies)
        if task.production is not None:
            if given.get("retuning.incumbent") is None:
                raise SpecError(
                    "production must go with an incumbent, against which the decision is made; add "
                    "retuning={'incumbent': 'champion'}"
                )
            require_alias(context, task.production)
        tracker = tracking_environment(task.tracking) if task.tracking else None
        address = address_of(context, task.storage)
        job = self._job(address, given)
        if flag("validate_only", task.validate_only):
            self._validate(job)
        task.study_address = address
        collect_inputs(task, [task.objective_kwargs, task.segments])
        return job, tracker

    @contextmanager
    def under_way(self, address: str, tracker: Mapping[str, str] | None) -> Iterator[None]:
        """Claim the study at `address` for this task, and track it, until the driver has ended."""
        task, context = self.task, self.context
        if tracker is not None:
            tracker = {**tracker, **connections.environment_of(address)}
        context["ti"].xcom_push(key="study", value=address)
        share_storage(task.storage)
        claim(context, address)
        write_task(address, airflow_task_of(context))
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
        with self.under_way(address, tracker):
            found = run_job(
                job,
                before=before.study,
                launcher=partial(task.launcher, self.context),
                following=partial(self.following, address, look),
                again=next_try(self.context),
            )
        if found.known_before:
            task.log.info("the study at %s already has a result; returning it", address)
        if found.within_other_limits:
            task.log.warning("this result was found with other limits; clear the task to tune with these")
        if job.script and found.failure is not None:
            raise found.failure  # the study has a result, but the script failed afterwards
        return found.study

    def _job(self, address: str, given: Mapping[str, Any]) -> Job:
        """Return the driver's job: the user's script, or a spec and the code that it names."""
        task = self.task
        execution = Execution.parse("execution", task.execution or {})
        job = partial(
            Job,
            address=address,
            quiet=execution.log_level == "trials",
            open_ui=execution.open_spark_ui,
            warm_start=address_in(given.get("warm_start.points")),
        )
        if task.application:
            require_no_segments(task)
            beside = [name for name in given if name not in SCRIPT]
            bases = code_bases(self.context)
            script = find_script(task.application, task.application_args or (), beside=beside, bases=bases)
            code = script_imports(script[0], bases=bases)
            return job(script=script, code=code, retuning=self._script_fields(given))
        spec, code = self._spec(given)
        return job(spec=spec, code=code, segments=segments_of(task, self.context, spec))

    def _script_fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked fields for the spec of a script, by name; empty if none is set."""
        if not given:
            return {}
        fields = {**given, **self._of_the_task(given)}
        checked = Spec.unbounded(**nested({"objective": "script:fmin", "space": "script:SPACE", **fields}))
        if checked.rule.confirm.objective_kwargs:
            raise SpecError(
                "retuning.confirm.objective_kwargs must be left out with an application, because a script "
                "passes the objective's arguments itself"
            )
        values = checked.values()
        refuse_secrets(values)
        return {name: values[name] for name in fields}

    def _spec(self, given: Mapping[str, Any]) -> tuple[Spec, UserCode | None]:
        task = self.task
        if task.application_args:
            raise SpecError(
                f"application_args must go with an application, got {task.application_args!r} without one; "
                "pass arguments of an objective as objective_kwargs"
            )
        named, code = task.gather_code(given, self.context)
        elsewhere = brings_code(task.conf, *task.brought_files)
        segments = () if task.segments is None else parse_segments("segments", task.segments)
        check_references(named, code, bases=code_bases(self.context), elsewhere=elsewhere, segments=segments)
        own = {"code": code.sha256 if code is not None else None, **self._of_the_task(named)}
        spec = Spec.of(**nested({**named, **own}))
        refuse_secrets(spec.values())
        return spec, code

    def _of_the_task(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the segment, the time of the data, and the addresses as the driver opens them."""
        found: dict[str, Any] = {
            "segment": self.segment,
            "champions": without_connection(champions_of(self.context, self.task.storage)),
            "moment": moment_of(self.context),
        }
        if isinstance(start := given.get("warm_start.points"), str):
            found["warm_start.points"] = without_connection(start)
        return found

    @property
    def segment(self) -> str | None:
        """Return the name of the segment that the study tunes, None for a study or segments without one."""
        if self.task.segments is not None:
            return self.task.segment
        return segment_of(self.context, self.task.segment, self.task.segment_arguments())


def next_try(context: Context) -> str:
    """Return what continues the study after this try has failed."""
    ti = context["ti"]
    return "a retry" if ti.try_number <= ti.max_tries else "after this last try, a clear of the task"
