"""CollectStudyOperator: deliver the result of a study whose application another operator has submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator, Context

from airflow_sparktune import connections
from airflow_sparktune.orchestrator.arguments import After
from airflow_sparktune.orchestrator.checks.literals import check_literals
from airflow_sparktune.orchestrator.production import with_alias
from airflow_sparktune.study.definition.checks import seconds
from airflow_sparktune.study.definition.group import as_written

if TYPE_CHECKING:
    from airflow_sparktune.orchestrator.waiting.watch import End

connections.register()


class CollectStudyOperator(BaseOperator):
    """Wait for a prepared study, and deliver its result as SparkTuneOperator does.

    :param study: the study's address, which `prepare_study` pushes to XCom as `study`
    :param tracking: as for SparkTuneOperator; the study is mirrored when it has ended
    :param keep_studies: as for SparkTuneOperator
    :param production: as for SparkTuneOperator
    :param after: as for SparkTuneOperator
    :param deferrable: wait in a trigger, without a worker
    :param patience: how long nothing may be written to the study before its driver counts as lost: a driver
        that runs writes every 30 s, and an application may be queued before. The limit of the whole wait is
        `execution_timeout`
    """

    template_fields: Sequence[str] = ("study", "tracking", "keep_studies")
    ui_color = "#e8f0d8"
    is_killed = False

    def __init__(
        self,
        *,
        study: Any,
        tracking: str | None = None,
        keep_studies: int | str | timedelta | None = None,
        production: Asset | None = None,
        after: After | Mapping[str, Any] | None = None,
        deferrable: bool = False,
        patience: float | timedelta = 900.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.study = study
        self.tracking = tracking
        self.keep_studies = keep_studies
        self.production = production
        self.outlets = with_alias(self.outlets, production)
        self.after: Any = as_written(after)
        self.deferrable = deferrable
        self.patience_s = seconds("patience", patience, hint="leave it unset to wait 15 minutes")
        self.study_address: str | None = None
        check_literals(self)

    def execute(self, context: Context) -> Any:
        """Wait for the end of the study, and deliver its result; returns the best params."""
        return self._finish(context, None)

    def execute_complete(self, context: Context, event: Any) -> Any:
        """Deliver the result of a study for which a trigger has waited."""
        from airflow_sparktune.orchestrator.waiting.watch import End

        return self._finish(context, End.from_json(event))

    def _finish(self, context: Context, end: End | None) -> Any:
        from airflow_sparktune.orchestrator.after import deliver, finish
        from airflow_sparktune.orchestrator.submitters.collection import Collection

        self.study_address = None
        return finish(self, context, lambda: Collection(self, context).result(end), deliver)

    def champions(self, context: Context) -> str:  # noqa: ARG002 - the study tells
        """Return the folder of the task that has prepared the study, with the record of its champions."""
        from airflow_sparktune.study.files.airflow_task import task_folder_of

        return task_folder_of(str(self.study_address))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - Airflow's own
        """Return the OpenLineage facet of the study; None without the OpenLineage provider."""
        from airflow_sparktune.orchestrator.lineage import study_facets

        return study_facets(self.study_address)
