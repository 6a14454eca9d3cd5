"""The facet of an OpenLineage run; imported only if the OpenLineage provider is installed."""

from __future__ import annotations

from typing import Any

from attrs import define
from openlineage.client.facet_v2 import RunFacet

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.study import Study


@define
class StudyRunFacet(RunFacet):
    """The objective, space and result of a run's study. Names are in camel case, as OpenLineage requires.

    `maximize` is the name of the score that the objective returns, and `score` its best value; both are None
    if it returns a loss.
    """

    study: str | None
    objective: str
    objectiveKwargs: dict[str, Any]  # noqa: N815
    space: Any
    algo: str
    seed: int | None
    segment: str | None
    trials: int
    reservedSlotHours: float  # noqa: N815
    usedSlotHours: float | None  # noqa: N815
    params: Any
    afterSeconds: float | None  # noqa: N815
    loss: float | None
    maximize: str | None
    score: float | None
    decision: str | None
    decisionReason: str | None  # noqa: N815


def facet_of(study: Study, spec: Spec, address: str | None) -> StudyRunFacet:
    """Return the facet of the study at an address."""
    found = summary(study)
    return StudyRunFacet(
        study=address,
        objective=spec.objective,
        objectiveKwargs=dict(spec.objective_kwargs),
        space=spec.to_json()["space"],
        algo=spec.algo,
        seed=found.seed,
        segment=found.segment,
        trials=found.trials,
        reservedSlotHours=found.reserved_slot_hours,
        usedSlotHours=found.used_slot_hours,
        params=found.best_params,
        afterSeconds=found.best_after_s,
        loss=found.best_loss,
        maximize=found.maximize,
        score=found.best_score,
        decision=found.outcome,
        decisionReason=found.reason,
    )
