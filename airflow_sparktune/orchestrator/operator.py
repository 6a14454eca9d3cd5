"""SparkTuneOperator: submits the driver program, and brings the best hyperparameters to XCom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.errors import SparktuneError, SpecError
from airflow_sparktune.orchestrator.deploy.connection import resolved_connection
from airflow_sparktune.orchestrator.deploy.script import find_script
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.submission import prepare
from airflow_sparktune.orchestrator.deploy.submission_operator import SubmissionOperator
from airflow_sparktune.orchestrator.deploy.user_code import UserCode, gather_code
from airflow_sparktune.orchestrator.deploy.work_folder import work_folder
from airflow_sparktune.orchestrator.progress import KEY, followed, progress
from airflow_sparktune.orchestrator.secrets import refuse_secrets
from airflow_sparktune.orchestrator.spark_ui import SparkUiLink, spark_ui
from airflow_sparktune.orchestrator.task_study import (
    address_of,
    code_bases,
    generation_of,
    warn_of_local_storage,
)
from airflow_sparktune.orchestrator.verdict import verdict
from airflow_sparktune.study.follow import read_study
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.spec import ARGUMENTS, Spec
from airflow_sparktune.study.spec_file import write_spec
from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow.sdk import Context

# The arguments that make up the spec; each is templated.
SPEC_FIELDS = tuple(item.name for item in ARGUMENTS)

_DOC = """Tune hyperparameters on Spark; XCom gets the best ones.

Takes everything that SparkSubmitOperator takes. The arguments of the spec are checked when the task runs,
after templating, so templates, XComArgs and mapped values work.

A script around `hyperopt.fmin` with this package's SparkTrials runs too: give it as `application`, in
place of objective, space and limits.

{spec}
:param storage: a folder or URL that Airflow and the driver both reach; unset: `[sparktune] storage`
:param log_level: `trials` keeps Spark's own lines out of the task's log, `spark` brings them back
"""


class SparkTuneOperator(SubmissionOperator):
    __doc__ = _DOC.format(spec="\n".join(f":param {item.name}: {item.doc}" for item in ARGUMENTS))

    # Set, as all arguments of the spec, from the constructor's; the decorator names these.
    objective: str | None
    objective_kwargs: Mapping[str, Any] | None

    template_fields: Sequence[str] = (*SubmissionOperator.template_fields, *SPEC_FIELDS, "storage")
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "objective_kwargs": "json",
        "space": "json",
        "points_to_evaluate": "json",
        "warm_start": "json",
        "incumbent": "json",
        "confirm": "json",
        "guardrails": "json",
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
        algo: str | None = None,
        parallelism: int | str | None = None,
        timeout: Any = None,
        trial_timeout: Any = None,
        loss_threshold: float | str | None = None,
        no_progress: int | str | None = None,
        min_improvement: float | str | None = None,
        max_failures: float | str | None = None,
        max_trial_retries: int | str | None = None,
        seed: int | str | None = None,
        run_trials_on: str | None = None,
        shared_data: str | None = None,
        points_to_evaluate: Any = None,
        warm_start: Any = None,
        warm_start_share: float | str | None = None,
        incumbent: Any = None,
        incumbent_mismatch: str | None = None,
        on_broken_incumbent: str | None = None,
        confirm: Any = None,
        replace_margin: float | str | None = None,
        guardrails: Mapping[str, Any] | None = None,
        promote: str | None = None,
        segment: str | None = None,
        budget_slot_hours: float | str | None = None,
        fresh_workers: bool | str | None = None,
        storage: str | None = None,
        log_level: str = "trials",
        name: str = "sparktune",
        **kwargs: Any,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in SPEC_FIELDS}
        super().__init__(name=name, **kwargs)
        for argument, value in given.items():
            setattr(self, argument, value)
        self.storage = storage
        self.log_level = log_level
        self.spark_ui: str | None = None

    def execute(self, context: Context) -> Any:
        """Run the study, or go on with it, or deliver what it came to; returns the best params."""
        try:
            address = address_of(context, self.storage)
            study = self._run(address, context)
        except SparktuneError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error
        told = summary(study)
        ti = context["ti"]
        ti.xcom_push(key="best_loss", value=told["best_loss"])
        ti.xcom_push(key="tuning_result", value={"study": address, **told})
        return told["best_params"]

    def _run(self, address: str, context: Context) -> Study:
        if self.log_level not in ("trials", "spark"):
            raise SpecError(f"log_level must be 'trials' or 'spark', got {self.log_level!r}")
        script = self._script(context)
        spec, code = (None, None) if script else self._spec(context)
        before = read_study(address)
        for problem in before.problems:
            self.log.warning("journal: %s", problem)
        known = before.study
        context["ti"].xcom_push(key="study", value=address)
        if spec is not None and known.answers(spec):
            self.log.info("the study at %s has a result already; delivering it", address)
            return known
        connection = resolved_connection(self._conn_id, self._get_hook)
        warn_of_local_storage(address, deploy_mode=connection["deploy_mode"])
        if spec is not None:
            write_spec(address, spec)
        self.log.info("study: %s", address)
        # One application per generation and identity: neither a task that was cleared nor one that now asks
        # something else must reconnect to the application before it, which a newer driver makes stop.
        question = f"g{generation_of(context)}_{spec.identity if spec is not None else 'script'}"
        with work_folder() as folder:
            submission = prepare(
                address,
                folder=folder,
                code=code,
                master=connection["master"],
                deploy_mode=connection["deploy_mode"],
                conf=self.conf or {},
                install=SparkInstall.find(connection["spark_binary"]),
                script=script,
                quiet=self.log_level == "trials",
            )
            with followed(address, partial(self._tell, context=context)):
                failure = self.submit(submission, context, question=question)
        study = verdict(address, spec=spec, before=known, failure=failure)
        if spec is not None and not study.answers(spec):
            self.log.warning("this result was found within other limits; clear the task to tune within these")
        if script and failure is not None:
            raise failure  # the study has a result, but the script went on and failed
        return study

    def _script(self, context: Context) -> tuple[str, ...]:
        """The user's own program and its arguments; empty where a spec is to be run."""
        if not self.application:
            return ()
        beside = [name for name in SPEC_FIELDS if getattr(self, name) is not None]
        return find_script(
            self.application, self.application_args or (), beside=beside, bases=tuple(code_bases(context))
        )

    def _spec(self, context: Context) -> tuple[Spec, UserCode | None]:
        if self.application_args:
            raise SpecError(
                f"application_args must go with an application, got {self.application_args!r} without one; "
                "what an objective gets is its objective_kwargs"
            )
        given = {name: getattr(self, name) for name in SPEC_FIELDS}
        named, code = self._gather_code(given, context)
        spec = Spec.of(**named, code=code.sha256 if code is not None else None)
        refuse_secrets(spec.to_json())
        return spec, code

    def _gather_code(
        self, given: Mapping[str, Any], context: Context
    ) -> tuple[dict[str, Any], UserCode | None]:
        """The arguments with `module:name` for each reference, and the code that travels for them."""
        return gather_code(given, bases=tuple(code_bases(context)))

    def _tell(self, study: Study, context: Context) -> None:
        """Let Airflow's UI know where the study stands, and where Spark's UI is."""
        if (store := context.get("task_state_store")) is not None:
            store.set(KEY, progress(study))
        if (url := spark_ui(study)) is not None and url != self.spark_ui:
            self.spark_ui = url
            context["ti"].xcom_push(key=SparkUiLink().xcom_key, value=url)
