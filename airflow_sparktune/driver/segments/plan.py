"""The plan of a segment's study."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_sparktune.driver import engines
from airflow_sparktune.driver.engines.base import Engine, Lane
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping import Rule, StopRequested


class SegmentPlan(SpecPlan):
    """Runs a segment in a lane of the application's engine, until `stopped` says that all segments end.

    `started` is called once the engine runs.
    """

    def __init__(
        self, spec: Spec, engine: Engine, *, stopped: Callable[[], bool], started: Callable[[], None]
    ) -> None:
        super().__init__(spec, engine)
        self._stopped = stopped
        self._started = started

    def lane(self) -> Lane:
        self._engine.start()
        self._started()
        return self._engine.lane(engines.work_of(self.spec, study=self.spec.segment or ""))

    def rules(self) -> Sequence[Rule]:
        return [StopRequested(self._stopped), *super().rules()]
