"""The plan of a segment's study."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

from airflow_sparktune.driver import engines
from airflow_sparktune.driver.engines.base import Engine, Lane, Patience, Work
from airflow_sparktune.driver.engines.once import Once
from airflow_sparktune.driver.samplers.base import Sampler, Suggestion
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.executor.shared import Lent, Shared
from airflow_sparktune.study.definition import RunTrialsOn, Spec
from airflow_sparktune.study.stopping import Rule, StopRequested
from airflow_sparktune.study.study import Study

# Samplers work one after another: at once they would share a core, and keep a lane with a free slot from
# starting its trial. None waits longer than this many seconds for another.
TURN_S = 0.25


class TakingTurns:
    """A sampler that waits for its turn among those of the application to suggest a configuration."""

    def __init__(self, sampler: Sampler, turn: threading.Lock) -> None:
        self._sampler = sampler
        self._turn = turn

    def ask(self, number: int, *, seed: int) -> Suggestion:
        has_turn = self._turn.acquire(timeout=TURN_S)
        try:
            return self._sampler.ask(number, seed=seed)
        finally:
            if has_turn:
                self._turn.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)


class Works:
    """The check of the workers and the value of `shared_data`, which all segments of an application share.

    A sampler works while it holds `turn`. `patience` turns the patience of a segment into the application's.
    """

    def __init__(self, patience: Callable[[Patience], Patience]) -> None:
        self.turn = threading.Lock()
        self._check = Once(patience)
        self._loading = threading.Lock()
        self._shared: list[Shared[Any] | None] = []

    def of(self, spec: Spec) -> Work:
        """Return the work of a segment. Executors get the value from a broadcast of its own."""
        lends = spec.execution.shared_data and spec.execution.run_trials_on is RunTrialsOn.EXECUTORS
        return Work(
            objective=lambda: engines.objective_of(spec, Lent() if lends else self._load(spec)),
            parallelism=spec.parallelism,
            study=spec.segment or "",
            check=self._check,
            common=(lambda: engines.shared_of(spec)) if lends else None,
        )

    def _load(self, spec: Spec) -> Shared[Any] | None:
        """Return the value for trials on the driver, loaded for the first segment."""
        with self._loading:
            if not self._shared:
                self._shared.append(engines.shared_of(spec))
            return self._shared[0]


class SegmentPlan(SpecPlan):
    """Runs a segment in a lane of the application's engine, until `stopped` says that all segments end.

    `start` raises the error of the engine if that has failed to start. `study` is None until it is open.
    """

    brief = True

    def __init__(
        self,
        spec: Spec,
        engine: Engine,
        works: Works,
        *,
        stopped: Callable[[], bool],
        start: Callable[[], None],
    ) -> None:
        super().__init__(spec, engine)
        self._works = works
        self._stopped = stopped
        self._start = start
        self.study: Study | None = None

    def lane(self) -> Lane:
        self._start()
        return self._engine.lane(self._works.of(self.spec))

    def sampler(self) -> Sampler:
        return cast(Sampler, TakingTurns(super().sampler(), self._works.turn))

    def opened(self, study: Study) -> None:
        self.study = study

    def rules(self) -> Sequence[Rule]:
        return [StopRequested(self._stopped), *super().rules()]
