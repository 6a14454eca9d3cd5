"""The facet of an OpenLineage run; only imported where the provider of OpenLineage is installed."""

from __future__ import annotations

from typing import Any

from attrs import define
from openlineage.client.facet_v2 import RunFacet


@define
class StudyRunFacet(RunFacet):
    """What a run has tuned, over which space, and what came of it. Names are in OpenLineage's case."""

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
    decision: str | None
    decisionReason: str | None  # noqa: N815
