"""Deliver the result of a study to Airflow, step by step in the order of this file.

Once the task has succeeded, Airflow itself sends the event of a changed production, and asks the operator
for its lineage (`get_openlineage_facets_on_complete`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from airflow.sdk import Asset, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.observability import stats

from airflow_sparktune.errors import IncumbentBroken, SparktuneError
from airflow_sparktune.orchestrator.arguments import After
from airflow_sparktune.orchestrator.final_errors import final_errors
from airflow_sparktune.orchestrator.production import announce, notify
from airflow_sparktune.study.files.airflow_task import read_task
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.retention import find, removable, remove_all
from airflow_sparktune.study.result import Summary, summary
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)

# A task spends this long on reading the studies that an earlier task has not packed.
_PACK_S = 10.0


class Delivering(Protocol):
    """A task that delivers the result of a study; `study_address` is set once it is known."""

    after: Any
    keep_studies: Any
    production: Asset | None
    study_address: str | None

    @property
    def is_killed(self) -> bool:
        """Return whether the task has been told to end."""

    def champions(self, context: Context) -> str:
        """Return the folder of the study's task, with the record of its champions."""


def finish(task: Delivering, context: Context, find: Callable[[], Any], deliver: Callable[..., Any]) -> Any:
    """Deliver what `find` returns, or fail the task with its error; returns what the task returns.

    If a retry cannot help, Airflow does not retry the task.
    """
    with final_errors():
        after = After.parse("after", task.after or {})
        try:
            found = find()
        except Exception as error:  # not a timeout, after which Airflow has yet to end the driver
            if isinstance(error, IncumbentBroken):
                notify(after.on_broken, context, tuning={"error": str(error)})
            _list_study(task, context)
            raise
        _list_study(task, context)
        return deliver(task, after, found, context)


def _list_study(task: Delivering, context: Context) -> None:
    """Put the study on the list of its task's studies, unless the task was killed and has to end."""
    if task.study_address is not None and not task.is_killed:
        pack_rows(task.champions(context))


def deliver(task: Delivering, after: After, study: Study, context: Context) -> Any:
    """Deliver the result of a study to Airflow; returns what the task returns.

    Raises AirflowSkipException or AirflowFailException if production stays as it is and the task is to be
    skipped or to fail then.
    """
    address, result = str(task.study_address), summary(study)
    facts = {"study": address, **result.to_json()}
    push(context["ti"], result, facts)
    count(context, result)
    remove_what_is_not_kept(task, context)
    if (decision := result.decision) is not None:
        log.info("%s", decision.text)
        if not decision.changes_production:
            end_without_change(after.on_no_improvement, decision.text)
        elif promotes(study):
            announce(context, result, address, production=task.production, notifiers=after.on_replaced)
    return facts if after.xcom_return == "summary" else result.best_params


def promotes(study: Study) -> bool:
    """Return whether a decision changes production; with promote="manual", `promote_champion` does."""
    return study.spec is not None and study.spec.retuning.promote == "decision"


def push(ti: Any, result: Summary, facts: dict[str, Any]) -> None:
    """Push the best loss, the best score if the study has one, and the summary to XCom."""
    ti.xcom_push(key="best_loss", value=result.best_loss)
    if result.best_score is not None:
        ti.xcom_push(key="best_score", value=result.best_score)
    ti.xcom_push(key="tuning_result", value=facts)


def count(context: Context, result: Summary) -> None:
    """Emit metrics for alerting: the decision as a counter, loss, score and slot-hours as gauges."""
    ti = context["ti"]
    tags = {"dag_id": ti.dag_id, "task_id": ti.task_id}
    if result.segment is not None:
        tags["segment"] = result.segment
    if result.outcome is not None:
        stats.incr(f"sparktune.decision.{result.outcome}", tags=tags)
    gauges = {
        "loss": result.best_loss,
        "score": result.best_score,
        "reserved_slot_hours": result.reserved_slot_hours,
        "used_slot_hours": result.used_slot_hours,
    }
    for name, value in gauges.items():
        if value is not None:
            stats.gauge(f"sparktune.{name}", value, tags=tags)


def remove_what_is_not_kept(task: Delivering, context: Context) -> None:
    """Remove the studies of a task that its `keep_studies` does not keep."""
    if task.keep_studies is not None:
        keep, own = Keep.of("keep_studies", task.keep_studies), str(task.study_address)
        remove_old_studies(context["ti"], task.champions(context), keep, but=own)


def remove_old_studies(ti: Any, task: str, keep: Keep, *, but: str) -> None:
    """Remove the studies below a task's folder that `keep` does not keep, except the study `but`.

    Airflow is asked by the task instance `ti` whether a study's run has ended. Failures are logged and not
    raised, because the result of the task does not depend on them.
    """
    now, problems = time.time(), list[str]()

    @cache  # a run may have many studies, one for each segment
    def running(dag_id: str, run_id: str) -> int:
        return int(ti.get_dr_count(dag_id, run_ids=[run_id], states=["queued", "running"]))

    try:
        found = find(task, problems)
        extra = removable(
            found, keep, problems, now=now, has_ended=lambda address: _has_ended(address, running)
        )
        removed = remove_all((each for each in extra if each.address != but), problems)
    except SparktuneError as error:
        log.warning("no older study was removed: %s", error)
        return
    for problem in problems:
        log.warning("an older study was not removed: %s", problem)
    if removed:
        log.info("removed %d studies that keep_studies does not keep, such as %s", len(removed), removed[0])


def pack_rows(task: str) -> None:
    """Write the pack of a task's folder, so that lists of studies need not read each journal.

    Failures are logged and not raised: a reader without a pack reads the journals, and an error here must
    not hide that of the study.
    """
    end = time.monotonic() + _PACK_S
    try:
        storage = open_storage(task)
        folder = TaskFolder.listed(task, storage, storage.tree(""))
        folder.pack(enough=lambda: time.monotonic() >= end)
    except Exception as error:  # noqa: BLE001 - a storage's connection may raise errors of any kind
        log.warning(
            "the list of this task's studies was not written, so the browser reads each study: %s", error
        )


def _has_ended(address: str, running: Callable[[str, str], int]) -> bool:
    """Return whether the run of a study has ended or was deleted, so that no retry continues the study."""
    task = read_task(address)
    if task is None:  # a study of the shell
        return True
    try:
        return running(task.dag_id, task.run_id) == 0
    except Exception as error:  # noqa: BLE001 - Airflow's client raises errors of many kinds
        log.warning("%s is kept, because Airflow does not tell whether its run has ended: %s", address, error)
        return False


def end_without_change(on_no_improvement: str, decision: str) -> None:
    """Skip or fail the task if it is to do so when production stays as it is."""
    match on_no_improvement:
        case "skip":
            raise AirflowSkipException(f"production stays as it is: {decision}")
        case "fail":
            raise AirflowFailException(f"production stays as it is: {decision}")
