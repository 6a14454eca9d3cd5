"""Inform Airflow of a retuning: an asset event when production changes, metrics, and notifications."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias
from airflow.sdk.observability import stats

from airflow_sparktune.errors import SpecError

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

Notifier = Callable[["Context"], Any]


def find_alias(outlets: Sequence[Any], production: Asset) -> AssetAlias:
    """Return the alias through which events reach `production`.

    Airflow emits an event for every concrete outlet of a successful task. An alias emits one only for the
    assets that the task adds to it.
    """
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            return outlet
        if isinstance(outlet, Asset) and outlet.name == production.name:
            raise SpecError(
                f"production must not be among the outlets, got {production.name!r} there: Airflow would "
                "emit its event after every decision; leave it out, because the task adds an alias itself"
            )
    return AssetAlias(f"{production.name}-retuned")


def require_alias(context: Context, production: Asset) -> None:
    """Raise SpecError if the parsed DAG does not have the alias of the events.

    A mapped task is created at run time, when outlets can no longer be added to the DAG.
    """
    alias = find_alias(context["task"].outlets, production)
    parsed = context["dag"].task_dict[context["ti"].task_id]
    if alias not in parsed.outlets:
        raise SpecError(
            f"a mapped task with production must have the alias of its events among its outlets, got none "
            f"there; add outlets=[AssetAlias({alias.name!r})] to partial()"
        )


def emit_change(context: Context, production: Asset, result: Mapping[str, Any]) -> None:
    """Emit the event that production has changed. Airflow sends it once, when the task succeeds.

    `result` is the summary of the study with the new champion.
    """
    alias = find_alias(context["task"].outlets, production)
    context["outlet_events"][alias].add(production, extra=event_extra(result))
    log.info("production has changed: %r gets an event when this task succeeds", production.name)


def event_extra(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of an event as plain JSON.

    `params` are the hyperparameters to train with. `score` is None without `maximize`. `difference` is by how
    much the new champion's loss is lower than the old one's, or its score higher. `loss_error` and
    `difference_error` are standard errors.
    """
    candidates = (result.get("confirmation") or {}).get("candidates") or ()
    winner: Mapping[str, Any] = next(
        (item for item in candidates if item["number"] == result["best_number"]), {}
    )
    return {
        "decision": result["decision"],
        "reason": result["decision_reason"],
        "params": result["best_params"],
        "loss": result["best_loss"],
        "score": result["best_score"],
        "loss_error": winner.get("std_error"),
        "difference": winner.get("difference"),
        "difference_error": winner.get("difference_error"),
        "segment": result["segment"],
        "study": result["study"],
    }


def count(context: Context, result: Mapping[str, Any]) -> None:
    """Emit metrics for alerting: the decision as a counter, loss, score and slot-hours as gauges."""
    ti = context["ti"]
    tags = {"dag_id": ti.dag_id, "task_id": ti.task_id}
    if result["segment"] is not None:
        tags["segment"] = result["segment"]
    if result["decision"] is not None:
        stats.incr(f"sparktune.decision.{result['decision']}", tags=tags)
    if result["best_loss"] is not None:
        stats.gauge("sparktune.loss", result["best_loss"], tags=tags)
    if result["best_score"] is not None:
        stats.gauge("sparktune.score", result["best_score"], tags=tags)
    stats.gauge("sparktune.slot_hours", result["slot_hours"], tags=tags)


def notify(notifiers: Any, context: Context, **facts: Any) -> None:
    """Call one or several Airflow notifiers; their templates find `facts` in the context.

    Errors of a notifier are logged only, because a mail server that is down must not discard a decision.
    """
    several = notifiers if isinstance(notifiers, (list, tuple)) else [notifiers] if notifiers else []
    for notifier in several:
        try:
            notifier({**context, **facts})
        except Exception:
            log.exception("a notifier failed; the decision is not affected")
