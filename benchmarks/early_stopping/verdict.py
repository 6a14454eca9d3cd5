"""What a study with pruning cost and found, beside the same study without pruning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.early_stopping.recorded import Problem
from benchmarks.early_stopping.replay import Ran

_MOST_REGRET = 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One study beside the one with the same seed, sampler and slots, but without pruning.

    `cost` is its slot time beside the other's, `regret` its final loss: 0 the best that is recorded, 1 the
    average of random search without pruning; `worse` by how much it is above the other's. `to_loss` is the
    time until it holds the loss that the other study holds after half of its trials, beside the other's;
    infinite if it never does. `winner_pruned` tells whether the best configuration that it tried was pruned.
    """

    cost: float
    regret: float
    worse: float
    to_loss: float
    winner_pruned: bool

    @classmethod
    def of(cls, task: Problem, ran: Sequence[Ran], without: Sequence[Ran]) -> Verdict:
        goal = lowest(task, without[: len(without) // 2])
        winner = min({each.configuration for each in ran}, key=lambda at: float(task.losses[at]))
        ours, other = (regret(task, each, len(without)) for each in (ran, without))
        return cls(
            cost=slot_s(ran) / slot_s(without),
            regret=ours,
            worse=ours - other,
            to_loss=reached_s(task, ran, goal) / reached_s(task, without, goal),
            winner_pruned=all(each.pruned for each in ran if each.configuration == winner),
        )


def regret(task: Problem, ran: Sequence[Ran], trials: int) -> float:
    """Return the final loss: 0 the best that is recorded, 1 the average of random search."""
    best = float(task.losses.min())
    return min((lowest(task, ran) - best) / (task.by_chance(trials) - best), _MOST_REGRET)


def loss(task: Problem, ran: Ran) -> float:
    """Return the loss of a trial, infinite if it was pruned."""
    return math.inf if ran.pruned else float(task.losses[ran.configuration])


def lowest(task: Problem, ran: Sequence[Ran]) -> float:
    """Return the final loss of a study."""
    return min(loss(task, each) for each in ran)


def slot_s(ran: Sequence[Ran]) -> float:
    """Return the slot time of a study in seconds."""
    return sum(each.run_s for each in ran)


def reached_s(task: Problem, ran: Sequence[Ran], goal: float) -> float:
    """Return when a study first holds a loss as low as `goal`, infinite if never. All its slots are busy."""
    return next((each.at_s for each in ran if loss(task, each) <= goal), math.inf)
