"""The plan of a segment's study."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_sparktune.driver import engines
from airflow_sparktune.driver.engines.base import Engine, Lane
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping import Rule, StopRequested
from airflow_sparktune.study.study import Study


class SegmentPlan(SpecPlan):
    """Runs a segment in a lane of the application's engine, until `stopped` says that all segments end.

    `start` raises what the engine has raised at its start. `study` is None until it is open.
    """

    def __init__(
        self, spec: Spec, engine: Engine, *, stopped: Callable[[], bool], start: Callable[[], None]
    ) -> None:
        super().__init__(spec, engine)
        self._stopped = stopped
        self._start = start
        self.study: Study | None = None

    def lane(self) -> Lane:
        self._start()
        return self._engine.lane(engines.work_of(self.spec, study=self.spec.segment or ""))

    def opened(self, study: Study) -> None:
        self.study = study

    def rules(self) -> Sequence[Rule]:
        return [StopRequested(self._stopped), *super().rules()]
