"""`promote_champion`: a task that makes a confirmed winner the champion, after training or an approval."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_sparktune import connections
from airflow_sparktune.errors import SparktuneError, SpecError
from airflow_sparktune.orchestrator.production import announce, with_alias
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.promotion import promote
from airflow_sparktune.study.result import summary

if TYPE_CHECKING:
    from airflow.sdk import Context


connections.register()

# The key of the task's state that holds the entry which the task has announced.
_TOLD = "sparktune_promoted"


class PromoteChampionOperator(BaseOperator):
    """The task of `promote_champion`."""

    template_fields: Sequence[str] = ("study",)

    def __init__(
        self, *, study: Any, production: Asset | None = None, on_replaced: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.study = study
        self.production = production
        self.on_replaced = on_replaced
        self.outlets = with_alias(self.outlets, production)

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
        by = ", ".join([*self._approved_by(ti), f"{ti.dag_id}.{ti.task_id}", ti.run_id])
        promotion = promote(study, self.study, at=time.time(), by=by)
        champion = promotion.champion
        if champion is None or promotion.refused is not None:
            self.log.info("nothing is promoted: %s", promotion.refused)
            return promotion.params
        self.log.info("%s is the champion now: %s", champion.title, champion.params)
        if self._is_news(context, champion.number):
            result = summary(study)
            announce(context, result, self.study, production=self.production, notifiers=self.on_replaced)
            self._remember(context, champion.number)
        return promotion.params

    def _approved_by(self, ti: Any) -> list[str]:
        """Return the names of those who responded to the approvals upstream of this task."""
        try:
            from airflow.providers.standard.operators.hitl import HITLOperator
        except ModuleNotFoundError:
            return []
        above = self.get_flat_relatives(upstream=True)
        asked = sorted(task.task_id for task in above if isinstance(task, HITLOperator))
        answers = [ti.xcom_pull(task_ids=task_id) for task_id in asked]
        users = [answer.get("responded_by_user") for answer in answers if isinstance(answer, Mapping)]
        return [str(user["name"]) for user in users if isinstance(user, Mapping) and user.get("name")]

    def _is_news(self, context: Context, number: int) -> bool:
        """Return whether no earlier run of this task has announced the entry.

        Airflow emits the event when the task succeeds, so a retry must announce the entry again. A task that
        was cleared after its success must not. A clear raises `max_tries`, a retry does not.
        """
        store = context.get("task_state_store")
        told = store.get(_TOLD) if store is not None else None  # `dag.test()` has no store
        max_tries = context["ti"].max_tries
        if isinstance(told, dict) and told.get("entry") == number and told.get("max_tries") != max_tries:
            self.log.info("entry %d was announced before this task was cleared", number)
            return False
        return True

    def _remember(self, context: Context, number: int) -> None:
        """Remember that the entry is announced; the last step, because a try that fails announces nothing."""
        if (store := context.get("task_state_store")) is not None:
            max_tries = context["ti"].max_tries
            store.set(_TOLD, {"entry": number, "max_tries": max_tries}, retention=NEVER_EXPIRE)


def promote_champion(
    study: Any, *, task_id: str = "promote_champion", production: Asset | None = None, **kwargs: Any
) -> PromoteChampionOperator:
    """Return the task that makes the winner of a study with `promote="manual"` the champion on record.

    The task returns the params in production. It changes nothing, and logs why, if the study kept its
    incumbent, or if production has changed since the study began: by a rollback, or by a study of newer data.

    :param study: the study's address, which SparkTuneOperator pushes to XCom as `study`
    :param production: the asset that gets an event when production changes
    :param kwargs: the arguments of every task, and `on_replaced`: Airflow notifiers to call when production
        changes; their templates can use `tuning`
    """
    return PromoteChampionOperator(task_id=task_id, study=study, production=production, **kwargs)
