"""Record the decision of a study, and promote a winner that waits for approval."""

from __future__ import annotations

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.address import folder_of
from airflow_sparktune.study.retuning.champions import Action, Champions, Entry
from airflow_sparktune.study.retuning.decision import Outcome
from airflow_sparktune.study.storage import with_connection_of
from airflow_sparktune.study.study import Study


def put_on_record(study: Study, address: str, champions: Champions, *, at: float) -> Entry:
    """Add the entry of a study with a result, unless it exists; return it.

    `at` is in seconds since 1970.
    """
    decision, best = study.decision, study.best
    if best is None or study.spec is None:
        raise ValueError("a study without a result has no entry for the record")
    if decision is None:
        return champions.add(
            Action.TUNED,
            cause=f"study {address}",
            at=at,
            params=best.params,
            point=best.point,
            loss=study.best_loss,
            maximize=study.spec.maximize,
            study=address,
            reason=f"trial {best.number} has the best {'expected ' if study.recommended else ''}"
            f"{study.metric.name}; there was no incumbent to compare with",
        )
    manual = study.spec.promote == "manual" and decision.outcome is not Outcome.KEPT
    return _add(champions, Action.PROPOSED if manual else Action.of(decision.outcome), study, address, at=at)


def promote(study: Study, address: str, *, at: float, by: str) -> Entry | None:
    """Make the winner of a study the champion; return None if the study kept its incumbent.

    If the winner is the champion already, return its existing entry.
    """
    if study.decision is None or study.spec is None:
        raise SpecError(f"only a study with a decision can be promoted, got the one at {address}")
    if study.decision.outcome is Outcome.KEPT:
        return None
    root = with_connection_of(study.spec.champions or folder_of(address), address)
    champions = Champions(root, study.spec.segment)
    return _add(champions, Action.PROMOTED, study, address, at=at, by=by)


def _add(
    champions: Champions, action: Action, study: Study, address: str, *, at: float, by: str | None = None
) -> Entry:
    decision = study.decision
    if decision is None:
        raise ValueError("a study without a decision has no decision to record")
    trial = None if decision.number is None else study.trials.get(decision.number)
    return champions.add(
        action,
        cause=f"{'promote' if action is Action.PROMOTED else 'study'} {address}",
        at=at,
        params=decision.params,
        point=trial.point if trial else None,
        loss=decision.loss,
        maximize=study.spec.maximize if study.spec else None,
        study=address,
        by=by,
        reason=decision.reason,
        evidence=decision.to_json(),
    )
