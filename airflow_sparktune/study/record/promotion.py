"""Put the decision of a study on record, and promote a winner that waits for approval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.files.airflow_task import task_folder_of
from airflow_sparktune.study.record.champions import Champions, Outdated
from airflow_sparktune.study.record.entries import Action, Entry
from airflow_sparktune.study.result.summary import best_of_search
from airflow_sparktune.study.retuning.decision import Decision, Outcome
from airflow_sparktune.study.storage import without_connection
from airflow_sparktune.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The result of promoting the winner of a study.

    `params` are in production now, and `champion` is their entry on record, None if there is none. `refused`
    says why the winner is not in production, None if it is.
    """

    params: Any
    champion: Entry | None
    refused: str | None = None


def put_on_record(study: Study, address: str, champions: Champions, *, at: float) -> Entry:
    """Add the entry of a study with a result, unless it exists; return it.

    The entry is `outdated` if production has changed since the study began, or was decided on newer data. Its
    evidence is then the decision that production stays as it is. `at` is in seconds since 1970.
    """
    decision = study.decision
    best = best_of_search(study) if decision is None else study.best
    if best is None or study.spec is None:
        raise ValueError("a study without a result has no entry for the record")
    if decision is None:
        expected = best is study.best and study.recommended is not None
        return champions.add(
            Action.TUNED,
            cause=f"{_name(study, address)}, trial {best.number}",
            at=at,
            params=best.params,
            point=best.point,
            loss=study.best_loss if expected else best.loss,
            maximize=study.spec.maximize,
            study=address,
            reason=f"trial {best.number} has the best {'expected ' if expected else ''}"
            f"{study.metric.name}; there was no incumbent to compare with",
        )
    cause = _name(study, address)
    facts = _facts(study, decision, address, at=at)
    basis = study.starts.basis if study.starts else None
    waits = study.spec.retuning.promote == "manual" and decision.changes_production
    action = Action.PROPOSED if waits else Action.of(decision.outcome)
    try:
        return champions.add(action, cause=cause, basis=basis, **facts)
    except Outdated as error:
        outdated = decision.outdated(str(error), params=_in_production(study, champions.current()))
        return champions.add(
            Action.OUTDATED,
            cause=cause,
            **{**facts, "reason": outdated.reason, "evidence": outdated.to_json()},
        )


def promote(study: Study, address: str, *, at: float, by: str) -> Promotion:
    """Make the winner of a study the champion, unless production has changed since the study began.

    Uses the record beside the study and ignores the one in its journal, to which others may write.
    """
    decision = study.decision
    if decision is None or study.spec is None:
        raise SpecError(f"only a study with a decision can be promoted, got the one at {address}")
    champions = Champions(task_folder_of(address), study.spec.segment)
    entry = refused = None
    if not decision.changes_production:
        refused = f"{decision.outcome.value}: {decision.reason}"
    elif study.spec.retuning.promote != "manual":
        refused = "the decision went on record with its study; promote='manual' makes it wait"
    else:
        driver_address = without_connection(address)
        try:
            entry = champions.add(
                Action.PROMOTED,
                cause=f"promote {_name(study, driver_address)}",
                basis=study.starts.basis if study.starts else None,
                by=by,
                **_facts(study, decision, driver_address, at=at),
            )
        except Outdated as error:
            refused = f"the winner is outdated: {error}"
    champion = champions.current()
    if entry is not None and (champion is None or champion.number < entry.number):
        champion = entry  # a storage may not list a file right after it was written
    if entry is not None and champion is not None and champion.number != entry.number:
        refused = f"{entry.title} promoted it before, and {champion.title} is the champion since"
    return Promotion(params=_in_production(study, champion), champion=champion, refused=refused)


def decision_in_force(study: Study, address: str, champions: Champions) -> Decision | None:
    """Return the decision of a study; it is outdated if production has changed since it went on record.

    The result of a study may be read long after it was written: by a retry, after somebody's rollback. If the
    study kept another incumbent than the champion, the decision has the champion's params.
    """
    decision = study.decision
    if decision is None or decision.outcome is Outcome.OUTDATED:
        return decision
    champion = champions.current()
    basis = study.starts.basis if study.starts else None
    unchanged = basis is None or basis.champion == (champion.number if champion else None)
    mine = (without_connection(address), decision.params)
    in_production = champion is not None and (champion.study, champion.params) == mine
    # A winner that is on record, with the champion unchanged, waits for promotion, or is not listed yet.
    if not unchanged and not (decision.changes_production and in_production):
        since = f"{champion.title} is the champion since" if champion else "there is no champion any more"
        return decision.outdated(since, params=_in_production(study, champion))
    if decision.outcome is Outcome.KEPT and champion is not None and _compared_with_another(study, champion):
        why = f"{champion.title} stays the champion; the study kept another incumbent: {decision.reason}"
        return replace(decision, reason=why, params=champion.params, number=None)
    return decision


def _compared_with_another(study: Study, champion: Entry) -> bool:
    """Return whether the incumbent was not the champion, but the previous winner or given params."""
    incumbent = study.starts.incumbent if study.starts else None
    return incumbent is not None and incumbent.source != "champion" and incumbent.params != champion.params


def _in_production(study: Study, champion: Entry | None) -> Any:
    """Return the champion's params; without a champion, those of the study's incumbent, None without both."""
    if champion is not None:
        return champion.params
    incumbent = study.starts.incumbent if study.starts else None
    return None if incumbent is None else incumbent.params


def _name(study: Study, address: str) -> str:
    """Return a name of the study that no other study has, not even a later one in the same folder."""
    return f"study {address} of {study.attempts[0].opened!r}"


def _facts(study: Study, decision: Decision, address: str, *, at: float) -> dict[str, Any]:
    """Return what the entries of a decision have in common."""
    trial = None if decision.number is None else study.trials.get(decision.number)
    basis = study.starts.basis if study.starts else None
    return {
        "at": at,
        "params": decision.params,
        "point": trial.point if trial else None,
        "loss": decision.loss,
        "maximize": study.spec.maximize if study.spec else None,
        "study": address,
        "reason": decision.reason,
        "evidence": decision.to_json(),
        "moment": basis.moment if basis else None,
    }
