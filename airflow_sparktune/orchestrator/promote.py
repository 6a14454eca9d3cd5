"""`promote_champion`: a task that makes a confirmed winner the champion, after training or an approval."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_sparktune import connections
from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.final_errors import final_errors
from airflow_sparktune.orchestrator.production import announce, with_alias
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.promotion import promote
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.segments import read_segments

connections.register()

# The key of the task's state that holds the entries which the task has announced, by segment.
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
        with final_errors():
            return self._promote(context)

    def _promote(self, context: Context) -> Any:
        segments = read_segments(self.study)
        if segments is None:
            params, entries = self._promote_study(context, self.study, "")
        else:
            found = {
                name: self._promote_study(context, address_of(self.study, name), name)
                for name in segments.names
                if read_study(address_of(self.study, name)).study.decision is not None
            }
            params = [{"segment": name, "params": each} for name, (each, _) in found.items()]
            entries = {name: number for _, news in found.values() for name, number in news.items()}
        self._remember(context, entries)
        return params

    def _promote_study(self, context: Context, address: str, segment: str) -> tuple[Any, dict[str, int]]:
        """Promote the winner of a study; return the params in production, and its entry if it is news."""
        study = read_study(address).study
        if study.decision is None:
            raise SpecError(
                f"study must be the address of a study with a decision, got {address!r}; pass "
                "tune.output['study'] of a task with an incumbent"
            )
        ti = context["ti"]
        by = ", ".join([*self._approved_by(ti), f"{ti.dag_id}.{ti.task_id}", ti.run_id])
        promotion = promote(study, address, at=time.time(), by=by)
        champion = promotion.champion
        if champion is None or promotion.refused is not None:
            self.log.info("nothing is promoted: %s", promotion.refused)
            return promotion.params, {}
        self.log.info("%s is the champion now: %s", champion.title, champion.params)
        if not self._is_news(context, segment, champion.number):
            return promotion.params, {}
        announce(context, summary(study), address, production=self.production, notifiers=self.on_replaced)
        return promotion.params, {segment: champion.number}

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

    def _is_news(self, context: Context, segment: str, number: int) -> bool:
        """Return whether no earlier run of this task has announced the entry of a segment.

        Airflow emits the event when the task succeeds, so a retry must announce the entry again. A task that
        was cleared after its success must not. A clear raises `max_tries`, a retry does not.
        """
        store = context.get("task_state_store")
        told = store.get(_TOLD) if store is not None else None  # `dag.test()` has no store
        match told:
            case {"entries": {**entries}, "max_tries": max_tries}:
                if entries.get(segment) == number and max_tries != context["ti"].max_tries:
                    self.log.info("entry %d was announced before this task was cleared", number)
                    return False
        return True

    def _remember(self, context: Context, entries: dict[str, int]) -> None:
        """Remember the entries that are announced; the last step, because a try that fails announces none."""
        if entries and (store := context.get("task_state_store")) is not None:
            told: dict[str, Any] = {"entries": entries, "max_tries": context["ti"].max_tries}
            store.set(_TOLD, told, retention=NEVER_EXPIRE)


def promote_champion(
    study: Any, *, task_id: str = "promote_champion", production: Asset | None = None, **kwargs: Any
) -> PromoteChampionOperator:
    """Return the task that makes the winner of a study with `promote="manual"` the champion on record.

    The task returns the params in production. It changes nothing, and logs why, if the study kept its
    incumbent, or if production has changed since the study began: by a rollback, or by a study of newer data.

    With segments, each winner is promoted by itself, and the task returns the params of each segment.

    :param study: the study's address, which SparkTuneOperator pushes to XCom as `study`
    :param production: the asset that gets an event when production changes
    :param kwargs: the arguments of every task, and `on_replaced`: Airflow notifiers to call when production
        changes; their templates can use `tuning`
    """
    return PromoteChampionOperator(task_id=task_id, study=study, production=production, **kwargs)
