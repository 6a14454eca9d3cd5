"""Replay a study on recorded curves: our own tuner, sampler and pruner over slots on a virtual clock."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.driver.pruners.base import Pruner
from airflow_sparktune.driver.samplers import over
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.trial import TrialState
from benchmarks.early_stopping.recorded import problem, space_of
from benchmarks.recorded import Lesson, RecordedSampler
from benchmarks.simulated import Ending, VirtualClock
from benchmarks.study import SELDOM_S, opened, run


@dataclass(frozen=True, slots=True)
class Ran:
    """A trial that has ended at `at_s` after `run_s`: its configuration, and whether it was pruned."""

    configuration: int
    at_s: float
    run_s: float
    pruned: bool


def replay(
    name: str,
    algo: str,
    pruner: Pruner | None,
    *,
    slots: int,
    trials: int,
    seed: int,
    lesson: Lesson | None = None,
) -> list[Ran]:
    """Return what ran in a study of a problem, in the order in which the trials ended."""
    task, space, clock = problem(name), space_of(name), VirtualClock()
    sampler = RecordedSampler(over(space, algo), space, task.points, lesson)

    def play(call: Call) -> Ending:
        at = sampler.chosen[call.trial.number]
        after_s, curve = float(task.seconds[at]), task.curves[at].tolist()
        return Ending(after_s, reply=Reply(after_s, loss=curve[-1]), curve=curve)

    spec = Spec.of(objective="benchmarks:none", space=task.space, algo=algo, max_evals=trials, seed=seed)
    recorder = opened(spec, clock)
    sampler.study = recorder.study
    began = clock()
    run(recorder, sampler, play, slots=slots, clock=clock, pruner=pruner, look_s=SELDOM_S)
    ended = sorted(recorder.study.ended_trials, key=lambda trial: (trial.end, trial.number))
    return [
        Ran(sampler.chosen[each.number], each.end - began, each.run_s, each.state is TrialState.PRUNED)
        for each in ended
    ]
