"""Inform Airflow of a retuning: an asset event when production changes, and notifications."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, Context

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.json_values import shown

if TYPE_CHECKING:
    from airflow_sparktune.study.result import Summary

log = logging.getLogger(__name__)


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


def with_alias(outlets: Sequence[Any], production: Asset | None) -> list[Any]:
    """Return a task's outlets with the alias through which events reach `production`, if one is given."""
    if production is not None and not isinstance(production, Asset):
        raise SpecError(f"production must be an asset, got {shown(production)}; write Model('my-champion')")
    if production is None or (alias := find_alias(outlets, production)) in outlets:
        return list(outlets)
    return [*outlets, alias]


def require_retuning(context: Context, production: Asset, *, incumbent: Any) -> None:
    """Raise SpecError if the study makes no decision, or the parsed DAG has no alias of the events."""
    if incumbent is None:
        raise SpecError(
            "production must go with an incumbent, against which the decision is made; add "
            "retuning={'incumbent': 'champion'}"
        )
    require_alias(context, production)


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


def announce(
    context: Context, result: Summary, address: str, *, production: Asset | None, notifiers: Any
) -> None:
    """Announce that production has changed: call the notifiers, and emit the event.

    `result` is the summary of the study at `address`, which has the new champion. Airflow sends the event
    once, when the task succeeds.
    """
    notify(notifiers, context, tuning={"study": address, **result.to_json()})
    if production is None:
        return
    alias = find_alias(context["task"].outlets, production)
    context["outlet_events"][alias].add(production, extra=_extra(result, address))
    log.info("production has changed: %r gets an event when this task succeeds", production.name)


def _extra(result: Summary, address: str) -> dict[str, Any]:
    from airflow_sparktune.study.record.event import event_content  # each parse of a DAG would pay for it

    return event_content(
        decision=result.outcome,
        reason=result.reason,
        params=result.best_params,
        loss=result.best_loss,
        score=result.best_score,
        segment=result.segment,
        study=address,
        winner=result.decision.winner if result.decision else None,
    )


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
