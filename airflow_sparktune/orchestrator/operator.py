"""SparkTuneOperator: submit the driver program, and push the best hyperparameters to XCom.

A DAG processor imports this file at each parse, so methods import what only `execute` needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, Context
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR

from airflow_sparktune import connections
from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.arguments import (
    SEGMENT_ARGUMENTS,
    SPEC_ARGUMENTS,
    After,
    require_grouped,
    with_plain_groups,
)
from airflow_sparktune.orchestrator.checks.literals import check_literals
from airflow_sparktune.orchestrator.links import SparkUiLink
from airflow_sparktune.orchestrator.production import with_alias
from airflow_sparktune.orchestrator.task.study_task import StudyTask
from airflow_sparktune.orchestrator.waiting.deferrable import DeferrableOperator
from airflow_sparktune.study.definition import GROUPS, KEYS, Execution, Group, Limits, Retuning, WarmStart
from airflow_sparktune.study.definition.group import as_written, declarations

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import OperatorPartial


connections.register()

_DOC = """Tune hyperparameters on Spark, and push the best ones to XCom.

Accepts all arguments of SparkSubmitOperator. What few studies set is in groups, given as a value or as a
dict: `limits=Limits(trial_timeout=60)` or `limits={{"trial_timeout": 60}}`. Literal arguments are checked
while the DAG is parsed; templates, XComArgs and mapped values when the task runs.

To run a script around `hyperopt.fmin` with this package's SparkTrials, pass it as `application` instead of
objective, space and limits.

{spec}
:param segments: many studies in one application: a list of segments, each with a `name` and what differs from
    the arguments here (`objective_kwargs`, `max_evals`, `timeout`, `limits`), or `objective_kwargs` by name.
    `parallelism`, `timeout` and `limits.budget_slot_hours` are then those of the application
:param parallelism_per_segment: the number of trials of one segment that run at once. Unset: `parallelism`
:param on_failed_segments: `fail`, the default: the task fails if a segment has failed, once the results of
    the others are delivered; `skip`: it succeeds with the results of the others
:param storage: a folder or URL that Airflow and the driver both reach; default: `[sparktune] storage`
:param tracking: mirror the study into MLflow: `mlflow` for the server in the worker's MLFLOW_TRACKING_URI, or
    the id of a connection to a server
:param keep_studies: how many studies of this task to keep, or for how long (`30d`). Older ones are removed
    after a success, except the champion's. Unset: keep all
:param production: the asset that changes with a new champion; it gets an event only when that happens
:param after: what the task does with the result; keys: {after}
:param validate_only: check everything, log what would be submitted and push it to XCom as `plan`, submit
    nothing, and skip the task. A template makes it a choice of the run
:param deferrable: in cluster mode, free the worker while the study runs; a trigger waits for its end. Not
    with segments
"""


def _keys(group: type[Group]) -> str:
    return ", ".join(f"`{item.name}`" for item in declarations(group))


class SparkTuneOperator(StudyTask, DeferrableOperator):
    __doc__ = _DOC.format(
        spec="\n".join(
            f":param {item.name}: {item.doc}"
            + (f" Keys: {_keys(GROUPS[item.name])}." if item.name in GROUPS else "")
            for item in KEYS
        ),
        after=_keys(After),
    )

    # Attributes that __init__ sets in a loop.
    segments: Any
    parallelism_per_segment: Any
    on_failed_segments: str | None

    template_fields: Sequence[str] = (
        *DeferrableOperator.template_fields,
        *SPEC_ARGUMENTS,
        *SEGMENT_ARGUMENTS,
        "storage",
        "tracking",
        "keep_studies",
        "validate_only",
    )
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
        pruner: str | None = None,
        parallelism: int | str | None = None,
        timeout: Any = None,
        seed: int | str | None = None,
        points_to_evaluate: Any = None,
        segment: str | None = None,
        limits: Limits | Mapping[str, Any] | None = None,
        retuning: Retuning | Mapping[str, Any] | None = None,
        warm_start: WarmStart | Any = None,
        execution: Execution | Mapping[str, Any] | None = None,
        segments: Any = None,
        parallelism_per_segment: int | str | None = None,
        on_failed_segments: str | None = None,
        storage: str | None = None,
        tracking: str | None = None,
        keep_studies: int | str | timedelta | None = None,
        production: Asset | None = None,
        after: After | Mapping[str, Any] | None = None,
        validate_only: bool | str = False,
        deferrable: bool = False,
        name: str = "sparktune",
        **kwargs: Any,
    ) -> None:
        own = (*SPEC_ARGUMENTS, *SEGMENT_ARGUMENTS)
        given = {name: value for name, value in locals().items() if name in own}
        require_grouped(kwargs)
        super().__init__(name=name, **kwargs)
        for argument, value in with_plain_groups(given).items():
            setattr(self, argument, value)
        self.storage = storage
        self.tracking = tracking
        self.keep_studies = keep_studies
        self.production = production
        self.outlets = with_alias(self.outlets, production)
        self.after: Any = as_written(after)
        self.validate_only = validate_only
        self.deferrable = deferrable
        self.require_literal_mode()
        if deferrable and self.segments is not None:
            raise SpecError("deferrable must be left out with segments, got True; remove it")
        self.spark_ui: str | None = None
        self.study_address: str | None = None
        check_literals(self)

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Return the operator without the arguments that `expand` maps."""
        made: OperatorPartial = super().partial(**with_plain_groups(kwargs))
        return made

    def execute(self, context: Context) -> Any:
        """Run or resume the study, or return the result that it already has; returns the best params.

        With segments, returns a list of their results. With `validate_only`, raises AirflowSkipException
        after all checks.
        """
        # This object may serve more than one try.
        self._launcher, self._killed = None, False
        self.hand_over, self._handed_over = None, False
        run, deliver = self._steps()
        return self._finish(context, lambda: run(self, context), deliver)

    def execute_complete(self, context: Context, event: Any, pending: Any) -> Any:
        """Deliver the result of a deferred study, as `execute` does."""
        from airflow_sparktune.orchestrator.after import deliver
        from airflow_sparktune.orchestrator.task.study_run import deferred_study

        return self._finish(context, lambda: deferred_study(self, context, pending, event), deliver)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume a deferred task; end its application if it has timed out, or its trigger has failed."""
        if next_method == TRIGGER_FAIL_REPR:
            from airflow_sparktune.orchestrator.waiting.deferred import end_application

            end_application(self, context)
        return super().resume_execution(next_method, next_kwargs, context)

    def _finish(self, context: Context, find: Callable[[], Any], deliver: Callable[..., Any]) -> Any:
        from airflow_sparktune.orchestrator.after import finish

        self.study_address = None
        return finish(self, context, find, deliver)

    def _steps(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return how the task runs, and how it delivers the result of that."""
        if self.segments is None:
            from airflow_sparktune.orchestrator.after import deliver
            from airflow_sparktune.orchestrator.task.study_run import run_study

            return run_study, deliver
        from airflow_sparktune.orchestrator.segments.delivery import deliver_segments
        from airflow_sparktune.orchestrator.segments.run import run_segments

        return run_segments, deliver_segments

    def champions(self, context: Context) -> str:
        """Return the folder of this task's studies, with the record of its champions."""
        from airflow_sparktune.orchestrator.task.generation import champions_of

        return champions_of(context, self.storage)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - Airflow's own
        """Return the OpenLineage facet of the study; None without the OpenLineage provider."""
        from airflow_sparktune.orchestrator.lineage import study_facets

        return study_facets(self.study_address)
