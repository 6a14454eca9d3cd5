"""Run a study by the real tuner, on simulated slots and a virtual clock; its journal is in memory."""

from __future__ import annotations

from collections.abc import Callable

from airflow_sparktune.driver.loop.stopping import StoppingRules
from airflow_sparktune.driver.loop.tuner import Tuner
from airflow_sparktune.driver.pruners.base import Pruner
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import rules_of
from airflow_sparktune.study.storage import MemoryStorage
from benchmarks.simulated import Ending, SimulatedLane, VirtualClock

# An interval for studies in which nothing changes between two events.
SELDOM_S = 1e6


def opened(spec: Spec, clock: VirtualClock) -> Recorder:
    """Return the recorder of a new study."""
    storage, seed = MemoryStorage(), spec.seed or 0
    return Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=seed, dimensions=(), take_over=True, wall=clock
    )


def run(
    recorder: Recorder,
    sampler: Sampler,
    play: Callable[[Call], Ending],
    *,
    slots: int,
    clock: VirtualClock,
    pruner: Pruner | None = None,
    look_s: float = 1.0,
) -> None:
    """Run the study to its end; `play` decides how trials end, and the lane looks every `look_s` seconds."""
    Tuner(
        recorder=recorder,
        sampler=sampler,
        lane=SimulatedLane(clock, play, capacity=slots, look_s=look_s),
        rules=StoppingRules(rules_of(recorder.spec), ran_s=0.0, clock=clock),
        pruner=pruner,
        clock=clock,
    ).run()
