"""Ends of attempts and trials that are rare, and must cost no result."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hyperopt import hp, rand
from hyperopt.base import Domain

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.engines.base import Lane, Patience
from airflow_sparktune.driver.fmin.plan import FminPlan, Search
from airflow_sparktune.driver.fmin.sampler import Seeds
from airflow_sparktune.driver.loop.stopping import no_success
from airflow_sparktune.driver.loop.trial_queue import Start
from airflow_sparktune.driver.samplers.base import Sampler, Suggestion
from airflow_sparktune.errors import DriverLost, NoSuccess, ObjectiveError
from airflow_sparktune.executor.evaluate import Call, run
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.pickled import PickledObjective
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.phase import Phase, phase_of
from airflow_sparktune.study.stopping import Rule, StopReason, rules_of, still_ends
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialOrigin, TrialState
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import DigestSampler, MemoryStorage, World, by_x, raises, spec


class Plan:
    """A plan over simulated slots."""

    starts_over = brief = False

    def __init__(self, world: World, sampler: Any = None, *, play: Any = by_x, **given: Any) -> None:
        self.spec = spec(**given)
        self._world, self._sampler, self._play = world, sampler or DigestSampler(), play

    def lane(self) -> Lane:
        return SimulatedLane(self._world.clock, self._play, capacity=2)

    def application(self) -> Mapping[str, str | None]:
        return {}

    def sampler(self) -> Sampler:
        return self._sampler  # type: ignore[no-any-return]

    def starts(self, sampler: Sampler) -> Sequence[Start]:
        return []

    def seed(self, earlier: Study | None) -> int:
        return 7

    def adopts(self, earlier: Study, cleared: Sequence[Trial], *, goes_on: bool) -> Sequence[Trial]:
        return []

    def opened(self, study: Study) -> None:
        pass

    def rules(self) -> Sequence[Rule]:
        return rules_of(self.spec)


class ExitingSampler(DigestSampler):
    def ask(self, number: int, *, seed: int) -> Suggestion:
        sys.exit("no license")


def run_plan(world: World, plan: Plan) -> Attempt:
    found = Attempt(plan, world.storage, None, clock=world.clock)
    found.run()
    return found


def test_ended_trials_are_recorded_before_the_lane_is_asked_about_others() -> None:
    world = World()

    class Dies(SimulatedLane):
        def ran_s(self, number: int) -> float | None:
            raise DriverLost("Spark has shut down")

    def play(call: Call) -> Ending:
        return Ending.ok(0.5, after_s=10.0 if call.trial.number == 0 else 50.0)

    with pytest.raises(DriverLost):
        world.attempt(slots=Dies(world.clock, play, capacity=2), limits={"trial_timeout": 10.0})
    assert world.storage.study().trials[0].loss == 0.5


def test_a_reached_limit_ends_the_study_even_if_spark_dies() -> None:
    world = World()

    class Dies(SimulatedLane):
        def cancel(self, number: int) -> None:
            raise DriverLost("Spark has shut down")

    def play(call: Call) -> Ending:
        return Ending.ok(0.0, after_s=1.0 if call.trial.number == 0 else 50.0)

    reason = world.attempt(slots=Dies(world.clock, play, capacity=2), limits={"loss_threshold": 0.1})
    assert reason is StopReason.LOSS_THRESHOLD
    assert world.storage.study().trials[1].state is TrialState.CANCELLED


def test_a_higher_budget_continues_a_stopped_study() -> None:
    old, new = (spec(max_evals=None, limits={"budget_slot_hours": hours}) for hours in (1, 9))
    assert not still_ends(StopReason.STOPPED, old, new, counted=3)
    assert still_ends(StopReason.STOPPED, old, old, counted=3)


def test_user_code_that_exits_the_driver_closes_the_study() -> None:
    world = World()
    with pytest.raises(SystemExit):
        run_plan(world, Plan(world, ExitingSampler()))
    closed = world.storage.study().closed
    assert closed is not None
    assert closed.reason is StopReason.ERROR


def test_an_attempt_without_a_success_has_a_stop_reason() -> None:
    world = World()
    plan = Plan(world, play=lambda _: raises(), max_evals=3)
    found = Attempt(plan, world.storage, None, clock=world.clock)
    with pytest.raises(NoSuccess):
        found.run()
    assert found.reason is not None


def test_slots_cost_while_shared_data_are_loaded_in_vain() -> None:
    world = World()

    class NoData(SimulatedLane):
        def prepare(self, patience: Patience) -> None:
            world.clock.pass_to(1_001.0)
            self.charge()  # an executor is there from now on
            world.clock.pass_to(1_601.0)
            raise ObjectiveError("no data")

    class Loads(Plan):
        def lane(self) -> Lane:
            return NoData(world.clock, by_x, capacity=lambda now: 2 if now > 1_000 else 0)

    with pytest.raises(ObjectiveError):
        run_plan(world, Loads(world))
    assert world.storage.study().slots_s == 2 * 600


class ExitsWhenUnpickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, ("no license",)


def test_an_objective_that_exits_while_unpickled_is_a_failure() -> None:
    task = PickledObjective(pickle.dumps(ExitsWhenUnpickled()), pickle.dumps)
    reply, _ = run(task, Call(pickle.dumps(1), TrialContext(0, seed=1, attempt=1, tries=1)))
    assert reply.failure is not None
    assert "no license" in reply.failure.message
    with pytest.raises(ObjectiveError, match="SystemExit: no license"):
        task.load()


def adopted(number: int, *, attempt: int) -> Trial:
    old = Failure(FailureKind.RAISED, "OldError: gone")
    trial = Trial(number=number, params={}, point={"x": 0.5}, attempt=attempt, origin=TrialOrigin.ADOPTED)
    return trial.ended(TrialState.FAILED, end=1.0, error=old)


def test_adopted_trials_do_not_count_for_attempts_of_this_study() -> None:
    world = World()
    world.tuner(SimulatedLane(world.clock, by_x, capacity=1))
    study = world.recorder.study
    world.recorder.trial(adopted(0, attempt=3))
    assert phase_of(study, now=world.clock()) is Phase.STARTING
    new = replace(adopted(1, attempt=1), origin=TrialOrigin.SAMPLER)
    new = replace(new, error=Failure(FailureKind.RAISED, "NewError: here"))
    world.recorder.trial(new)
    assert "NewError" in str(no_success(study, StopReason.MAX_EVALS))


def test_the_error_of_an_engine_that_does_not_start_is_journalled() -> None:
    domain = Domain(lambda params: 0.0, {"x": hp.uniform("x", 0, 1)})
    unseeded = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=3)

    class BrokenPlan(FminPlan):
        def lane(self) -> Lane:
            raise RuntimeError("no cluster")

    search = Search(
        spec=unseeded, function=len, domain=domain, suggest=rand.suggest,
        seeds=Seeds(np.random.default_rng(3)), seed=5, documents=NoDocuments(),
    )  # fmt: skip
    storage = MemoryStorage()
    plan = BrokenPlan(search, None, starts_over=False, own=False)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="no cluster"):
        Attempt(plan, storage, None).run()
    closed = storage.study().closed
    assert closed is not None
    assert closed.error is not None
    assert "no cluster" in str(closed.error)


class NoDocuments:
    def begin(self) -> None:
        pass

    def keep(self, study: Study) -> None:
        pass

    def observe(self, trial: Trial, answer: Any = None) -> bool:
        return False
