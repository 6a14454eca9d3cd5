"""SparkTuneOperator: submit the driver program, and push the best hyperparameters to XCom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune import connections
from airflow_sparktune.errors import IncumbentBroken, SparktuneError, SpecError
from airflow_sparktune.orchestrator.after import deliver
from airflow_sparktune.orchestrator.arguments import After, with_plain_groups
from airflow_sparktune.orchestrator.checks.literals import check_literals
from airflow_sparktune.orchestrator.checks.lookup import brings_code, check_references
from airflow_sparktune.orchestrator.deploy.job import Job, Submission
from airflow_sparktune.orchestrator.deploy.provider import SubmissionOperator
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.orchestrator.deploy.user_code import (
    UserCode,
    find_script,
    gather_code,
    script_imports,
)
from airflow_sparktune.orchestrator.lineage import collect_inputs, study_facets
from airflow_sparktune.orchestrator.links import SparkUiLink, spark_ui
from airflow_sparktune.orchestrator.production import find_alias, notify, require_alias
from airflow_sparktune.orchestrator.progress import KEY, PERIOD_S, followed, progress
from airflow_sparktune.orchestrator.secrets import refuse_secrets
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
from airflow_sparktune.study.definition import (
    GROUPS,
    KEYS,
    SCRIPT,
    Execution,
    Limits,
    Retuning,
    Spec,
    WarmStart,
    given_fields,
    nested,
)
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.earlier import address_in
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.promotion import decision_in_force
from airflow_sparktune.study.storage import without_connection
from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

connections.register()

# The arguments that make up the spec; each is templated.
SPEC_ARGUMENTS = tuple(item.name for item in KEYS)

_DOC = """Tune hyperparameters on Spark, and push the best ones to XCom.

Accepts all arguments of SparkSubmitOperator. What few studies set is in groups, given as a value or as a
dict: `limits=Limits(trial_timeout=60)` or `limits={{"trial_timeout": 60}}`. Literal arguments are checked
while the DAG is parsed; templates, XComArgs and mapped values when the task runs.

To run a script around `hyperopt.fmin` with this package's SparkTrials, pass it as `application` instead of
objective, space and limits.

{spec}
:param storage: a folder or URL that Airflow and the driver both reach; default: `[sparktune] storage`
:param tracking: mirror the study into MLflow: `mlflow` for the server in the worker's MLFLOW_TRACKING_URI, or
    the id of a connection to a server
:param keep_studies: how many studies of this task to keep, or for how long (`30d`). Older ones are removed
    after a success, except the champion's. Unset: keep all
:param production: the asset that changes with a new champion; it gets an event only when that happens
:param after: what the task does with the result
"""


class SparkTuneOperator(SubmissionOperator):
    __doc__ = _DOC.format(spec="\n".join(f":param {item.name}: {item.doc}" for item in KEYS))

    # Attributes that __init__ sets in a loop.
    objective: str | None
    objective_kwargs: Mapping[str, Any] | None
    segment: str | None
    execution: Any

    template_fields: Sequence[str] = (
        *SubmissionOperator.template_fields,
        *SPEC_ARGUMENTS,
        "storage",
        "tracking",
        "keep_studies",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "objective_kwargs": "json",
        "space": "json",
        "points_to_evaluate": "json",
        **dict.fromkeys(GROUPS, "json"),
    }
    operator_extra_links = (SparkUiLink(),)
    ui_color = "#e8f0d8"

    def __init__(
        self,
        *,
        objective: str | None = None,
        space: Any = None,
        max_evals: int | str | None = None,
        objective_kwargs: Mapping[str, Any] | None = None,
        maximize: str | None = None,
        algo: str | None = None,
        parallelism: int | str | None = None,
        timeout: Any = None,
        seed: int | str | None = None,
        points_to_evaluate: Any = None,
        segment: str | None = None,
        limits: Limits | Mapping[str, Any] | None = None,
        retuning: Retuning | Mapping[str, Any] | None = None,
        warm_start: WarmStart | Any = None,
        execution: Execution | Mapping[str, Any] | None = None,
        storage: str | None = None,
        tracking: str | None = None,
        keep_studies: int | str | timedelta | None = None,
        production: Asset | None = None,
        after: After | Mapping[str, Any] | None = None,
        name: str = "sparktune",
        **kwargs: Any,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in SPEC_ARGUMENTS}
        super().__init__(name=name, **kwargs)
        for argument, value in with_plain_groups(given).items():
            setattr(self, argument, value)
        self.storage = storage
        self.tracking = tracking
        self.keep_studies = keep_studies
        self.production = production
        if production is not None and (alias := find_alias(self.outlets, production)) not in self.outlets:
            self.outlets = [*self.outlets, alias]
        self.after: Any = with_plain_groups({"after": after})["after"]
        self.spark_ui: str | None = None
        self.study_address: str | None = None
        check_literals(self)

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Return the operator without the arguments that `expand` maps."""
        made: OperatorPartial = super().partial(**with_plain_groups(kwargs))
        return made

    def execute(self, context: Context) -> Any:
        """Run or resume the study, or return the result that it already has; returns the best params."""
        self._launcher, self._killed = None, False  # this object may serve more than one try
        try:
            self._check_ours(context)
            self.study_address = address = address_of(context, self.storage)
            collect_inputs(self, self.objective_kwargs or {})
            study = self._run(address, context)
            study.decision = decision_in_force(study, address, self._record(context))
        except SparktuneError as error:
            if isinstance(error, IncumbentBroken):
                notify(self._after.on_broken, context, tuning={"error": str(error)})
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error
        return deliver(self, study, address, context)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - Airflow's own
        """Return the OpenLineage facet of the study; None without the OpenLineage provider."""
        return study_facets(self.study_address)

    def _check_ours(self, context: Context) -> None:
        """Check the arguments that are not part of the spec; raises SpecError."""
        _ = self._after
        if self.keep_studies is not None:
            Keep.of("keep_studies", self.keep_studies)
        if self.production is not None:
            if self._fields().get("retuning.incumbent") is None:
                raise SpecError(
                    "production must go with an incumbent, against which the decision is made; add "
                    "retuning={'incumbent': 'champion'}"
                )
            require_alias(context, self.production)

    def _run(self, address: str, context: Context) -> Study:
        job = self._job(address, context)
        tracker = tracking_environment(self.tracking) if self.tracking else None
        before = read_study(address)
        if tracker is not None:
            tracker = {**tracker, **connections.environment_of(address)}
        for problem in before.problems:
            self.log.warning("journal: %s", problem)
        context["ti"].xcom_push(key="study", value=address)
        share_storage(self.storage)
        claim(context, address)
        write_task(address, airflow_task_of(context))
        try:
            with tracked(address, tracker):
                found = run_job(
                    job,
                    before=before.study,
                    launcher=partial(self.launcher, context),
                    following=partial(self._following, context=context),
                )
        finally:
            self.run_post_submit_commands()
        if found.known_before:
            self.log.info("the study at %s already has a result; returning it", address)
        if found.within_other_limits:
            self.log.warning("this result was found with other limits; clear the task to tune with these")
        if job.script and found.failure is not None:
            raise found.failure  # the study has a result, but the script failed afterwards
        return found.study

    def _following(self, submission: Submission, context: Context) -> AbstractContextManager[None]:
        """Report the study's progress to Airflow while its driver runs."""
        address = str(self.study_address)
        warn_of_local_storage(address, in_cluster=submission.reconnection is not None)
        self.log.info("study: %s", address)
        return followed(address, partial(self._tell, context=context), every_s=PERIOD_S)

    def _job(self, address: str, context: Context) -> Job:
        """Return the driver's job: the user's script, or a spec and the code that it names."""
        given = self._fields()
        execution = Execution.parse("execution", self.execution or {})
        job = partial(
            Job,
            address=address,
            quiet=execution.log_level == "trials",
            open_ui=execution.open_spark_ui,
            warm_start=address_in(given.get("warm_start.points")),
        )
        if self.application:
            beside = [name for name in given if name not in SCRIPT]
            bases = code_bases(context)
            script = find_script(self.application, self.application_args or (), beside=beside, bases=bases)
            return job(
                script=script,
                code=script_imports(script[0], bases=bases),
                retuning=self._script_fields(given, context),
            )
        spec, code = self._spec(given, context)
        return job(spec=spec, code=code)

    def _script_fields(self, given: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Return the checked fields for the spec of a script, by name; empty if none is set."""
        if not given:
            return {}
        fields = {**given, "segment": segment_of(context, self.segment, self._segment_arguments())}
        fields |= self._for_the_driver(given, context)
        checked = Spec.unbounded(**nested({"objective": "script:fmin", "space": "script:SPACE", **fields}))
        if checked.rule.confirm.objective_kwargs:
            raise SpecError(
                "retuning.confirm.objective_kwargs must be left out with an application, because a script "
                "passes the objective's arguments itself"
            )
        values = checked.values()
        refuse_secrets(values)
        return {name: values[name] for name in fields}

    def _spec(self, given: Mapping[str, Any], context: Context) -> tuple[Spec, UserCode | None]:
        if self.application_args:
            raise SpecError(
                f"application_args must go with an application, got {self.application_args!r} without one; "
                "pass arguments of an objective as objective_kwargs"
            )
        named, code = self._gather_code(given, context)
        elsewhere = brings_code(self.conf, *self.brought_files)
        check_references(named, code, bases=code_bases(context), elsewhere=elsewhere)
        named["segment"] = segment_of(context, self.segment, self._segment_arguments())
        named |= self._for_the_driver(named, context)
        spec = Spec.of(**nested({**named, "code": code.sha256 if code is not None else None}))
        refuse_secrets(spec.values())
        return spec, code

    def _for_the_driver(self, given: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Return the arguments that are addresses as the driver opens them."""
        found: dict[str, Any] = {
            "champions": without_connection(champions_of(context, self.storage)),
            "moment": moment_of(context),
        }
        if isinstance(start := given.get("warm_start.points"), str):
            found["warm_start.points"] = without_connection(start)
        return found

    def _record(self, context: Context) -> Champions:
        """Return the record of champions of this task's segment."""
        segment = segment_of(context, self.segment, self._segment_arguments())
        return Champions(champions_of(context, self.storage), segment)

    def _segment_arguments(self) -> dict[str, Any]:
        """Return the arguments that identify an instance of a mapped task."""
        return {name: getattr(self, name) for name in SPEC_ARGUMENTS}

    def _fields(self) -> dict[str, Any]:
        """Return what was set of the spec, by the names of its fields; raises SpecError."""
        return given_fields({name: getattr(self, name) for name in SPEC_ARGUMENTS})

    @property
    def _after(self) -> After:
        """Return what to do after the study; raises SpecError."""
        return After.parse("after", self.after or {})

    def _gather_code(
        self, given: Mapping[str, Any], context: Context
    ) -> tuple[dict[str, Any], UserCode | None]:
        """Return the fields with each reference as `module:name`, and the code to ship."""
        return gather_code(given, bases=code_bases(context))

    def _tell(self, study: Study, context: Context) -> None:
        """Report the study's state and the address of Spark's UI to Airflow."""
        if (store := context.get("task_state_store")) is not None:
            store.set(KEY, progress(study))
        if (url := spark_ui(study)) is not None and url != self.spark_ui:
            self.spark_ui = url
            context["ti"].xcom_push(key=SparkUiLink().xcom_key, value=url)
