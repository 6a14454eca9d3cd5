"""`promote_champion`: a task that makes a confirmed winner the champion, after training or an approval."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune import connections
from airflow_sparktune.errors import SparktuneError, SpecError
from airflow_sparktune.orchestrator.production import emit_change, find_alias
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.retuning.promotion import promote

if TYPE_CHECKING:
    from airflow.sdk import Context


connections.register()


class PromoteChampionOperator(BaseOperator):
    """Make the winner of a study with `promote="manual"` the champion on record; returns its params.

    Does nothing if the study kept its incumbent. A second run does not promote again.

    :param study: the study's address, which SparkTuneOperator pushes to XCom as `study`
    :param production: the asset that gets an event when production changes
    """

    template_fields: Sequence[str] = ("study",)

    def __init__(self, *, study: Any, production: Asset | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.study = study
        self.production = production
        if production is not None:
            self.outlets = [*self.outlets, find_alias(self.outlets, production)]

    def execute(self, context: Context) -> Any:
        """Write the record, and emit the event."""
        try:
            return self._promote(context)
        except SparktuneError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error

    def _promote(self, context: Context) -> Any:
        study = read_study(self.study).study
        if study.decision is None:
            raise SpecError(
                f"study must be the address of a study with a decision, got {self.study!r}; pass "
                "tune.output['study'] of a task with an incumbent"
            )
        ti = context["ti"]
        entry = promote(study, self.study, at=time.time(), by=f"{ti.dag_id}.{ti.task_id}, {ti.run_id}")
        if entry is None:
            self.log.info("the incumbent was kept: nothing to promote")
            return study.decision.params
        self.log.info(
            "entry %d of the record of champions is the champion now: %s", entry.number, entry.params
        )
        if self.production is not None:
            emit_change(context, self.production, {"study": self.study, **summary(study)})
        return entry.params


def promote_champion(
    study: Any, *, task_id: str = "promote_champion", production: Asset | None = None, **kwargs: Any
) -> PromoteChampionOperator:
    """Return the task that promotes the winner of `study`: `promote_champion(tune.output["study"])`."""
    return PromoteChampionOperator(task_id=task_id, study=study, production=production, **kwargs)
