"""The comparison of a study with production: incumbent, confirmation, decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.points import named_point
from airflow_sparktune.dashboard.page.schemas import ContenderRow, RetuningReply
from airflow_sparktune.study.record.contender import Contender
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialOrigin


def retuning_reply(
    study: Study, dimensions: Sequence[Mapping[str, Any]], *, mask: Mask
) -> RetuningReply | None:
    """Return the comparison so far; None for a study without an incumbent."""
    spec, decision = study.spec, study.decision
    if spec is None or spec.retuning.incumbent is None:
        return None
    incumbent = next((trial for trial in study.searched if trial.origin is TrialOrigin.INCUMBENT), None)
    found = study.starts.incumbent if study.starts else None
    return RetuningReply(
        incumbent=incumbent.number if incumbent else None,
        incumbent_loss=incumbent.loss if incumbent else None,
        problem=mask(found.problem) if found else None,
        repeats=spec.rule.confirm.repeats,
        timeout_share=spec.rule.confirm.timeout_share,
        confidence=spec.rule.confirm.confidence,
        margin=spec.rule.margin.to_json(),
        noise=decision.noise if decision else True,
        contenders=contenders(study, mask=mask),
        changed=_changed(study, dimensions),
    )


def contenders(study: Study, *, mask: Mask) -> list[ContenderRow]:
    """Return the incumbent, if there is one, and the candidates with their repeats so far."""
    nominated, decision = study.nominated, study.decision
    if nominated is None:
        return []
    judged = [item for item in (decision.incumbent, *decision.candidates) if item] if decision else []
    known = {item.number: item for item in judged}
    rows = []
    for number in (nominated.incumbent, *nominated.candidates):
        if number is None:
            continue
        contender = Contender.of(study, number, same_data=False)
        ended = contender.repeats
        losses = [ended[n].loss if n in ended else None for n in range(1, max(ended, default=0) + 1)]
        # Without a decision, the confirmation is still running.
        measured = known.get(number) or contender.measured()
        is_incumbent = number == nominated.incumbent
        rows.append(ContenderRow(incumbent=is_incumbent, losses=losses, **mask(measured.to_json())))
    return rows


def _changed(study: Study, dimensions: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """Return the parameters in which the winner differs from the incumbent."""
    decision = study.decision
    if decision is None or decision.winner is None or decision.incumbent is None:
        return {}
    old, new = (
        named_point(study.trials[number].point, dimensions) if number in study.trials else {}
        for number in (decision.incumbent.number, decision.winner.number)
    )
    if not old:  # the incumbent does not fit the space, so its params have no names
        return {}
    names = dict.fromkeys([*old, *new])
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
