from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from airflow_sparktune.executor.objective import TrialContext, TrialPruned


@dataclass
class Reports:
    """Keeps what a trial reports, and prunes the trial at the step `stop`."""

    stop: int | None = None
    losses: dict[int, float] = field(default_factory=dict)

    def report(self, step: int, loss: float, metrics: Mapping[str, float]) -> None:
        self.losses[step] = loss
        if step == self.stop:
            raise TrialPruned


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def trial(reports: Reports) -> TrialContext:
    return TrialContext(number=0, seed=0, attempt=1, tries=1, reporter=reports)
