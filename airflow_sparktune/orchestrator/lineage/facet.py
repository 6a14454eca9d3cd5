"""The facet of an OpenLineage run; imported only if the OpenLineage provider is installed."""

from __future__ import annotations

from typing import Any

from attrs import define
from openlineage.client.facet_v2 import RunFacet


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
    slotHours: float  # noqa: N815
    params: Any
    loss: float | None
    maximize: str | None
    score: float | None
    decision: str | None
    decisionReason: str | None  # noqa: N815
