"""The importance of the parameters."""

from __future__ import annotations

import math
import random

import pytest

from airflow_sparktune.dashboard.page.importance import FEWEST_TRIALS, Importances, Share, importance
from airflow_sparktune.study.trial import Trial, TrialState

DIMENSIONS = [
    {"label": "lr", "kind": "loguniform", "low": 1e-4, "high": 1.0, "log": True},
    {"label": "momentum", "kind": "uniform", "low": 0.0, "high": 1.0},
    {"label": "booster", "kind": "choice", "options": ["a", "b"]},
    {"label": "noise", "kind": "normal"},
    {"label": "b.depth", "kind": "uniformint", "low": 1, "high": 9, "parent": "booster", "branch": 1},
]


def trials(count: int) -> list[Trial]:
    draw = random.Random(3)
    made = []
    for number in range(count):
        booster = draw.randrange(2)
        point = {"lr": 10 ** draw.uniform(-4, 0), "momentum": draw.random(), "booster": booster}
        point["noise"] = draw.gauss(0, 5)
        if booster:
            point["b.depth"] = draw.randint(1, 9)
        loss = (point["momentum"] - 0.4) ** 2 + 0.01 * draw.random()
        made.append(Trial(number=number, params={}, point=point, state=TrialState.OK, loss=loss, end=1.0))
    return made


def test_the_decisive_parameter_has_the_largest_share() -> None:
    shares = importance(DIMENSIONS, trials(300))

    assert shares[0].label == "momentum"
    assert shares[0].share > 0.8
    assert sum(each.share for each in shares) == pytest.approx(1)
    assert {each.label for each in shares} == {"lr", "momentum", "booster", "noise"}


def test_a_decisive_choice_does_not_hide_the_parameters_of_its_branches() -> None:
    """All the best trials are of one branch; in each branch, another parameter decides."""
    draw = random.Random(3)
    made = []
    for number in range(300):
        point = {"lr": 10 ** draw.uniform(-4, 0), "booster": draw.randrange(2)}
        decisive = point["b.depth"] = draw.randint(1, 9)
        if point["booster"] == 0:
            del point["b.depth"]
            decisive = -math.log10(point["lr"])
        loss = 10 * point["booster"] + decisive + 0.01 * draw.random()
        made.append(Trial(number=number, params={}, point=point, state=TrialState.OK, loss=loss, end=1.0))
    dimensions = [DIMENSIONS[0], DIMENSIONS[2], DIMENSIONS[4]]

    found = importance([*dimensions, {**DIMENSIONS[1], "parent": "booster", "branch": 0}], made)

    (booster,) = (each for each in found if each.label == "booster")
    first, second = booster.branches
    assert (first.option, first.trials) == (0, sum(trial.point["booster"] == 0 for trial in made))
    assert first.shares[0].label == "lr"
    assert second.shares[0].label == "b.depth"
    assert second.shares[0].share > 0.8
    assert [sum(each.share for each in branch.shares) for branch in (first, second)] == pytest.approx([1, 1])


def test_a_branch_of_few_trials_has_no_shares() -> None:
    made = [trial for trial in trials(60) if trial.point["booster"] == 0 or trial.number < 20]

    (booster,) = (each for each in importance(DIMENSIONS, made) if each.label == "booster")

    (branch,) = booster.branches
    assert 0 < branch.trials < FEWEST_TRIALS
    assert branch.shares == ()


def test_few_trials_have_no_importance() -> None:
    assert importance(DIMENSIONS, trials(FEWEST_TRIALS - 1)) == ()


def test_it_is_computed_again_only_after_a_trial_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(
        "airflow_sparktune.dashboard.page.importance.importance",
        lambda dimensions, trials: calls.append(len(trials)) or (Share("lr", 1.0),),
    )
    known = Importances(studies=1)

    for name, count in (("a", 30), ("a", 30), ("a", 31), ("b", 30), ("a", 31)):
        known.of(name, DIMENSIONS, trials(count))

    assert calls == [30, 31, 30, 31]


def test_a_full_cache_drops_only_its_oldest_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """A running study takes no room from the others, however often it changes."""
    calls: list[int] = []
    monkeypatch.setattr(
        "airflow_sparktune.dashboard.page.importance.importance",
        lambda dimensions, trials: calls.append(len(trials)) or (Share("lr", 1.0),),
    )
    known = Importances(studies=2)

    for name, count in (("a", 30), ("b", 31), ("b", 32), ("a", 30), ("c", 33), ("b", 32), ("c", 33)):
        known.of(name, DIMENSIONS, trials(count))

    assert calls == [30, 31, 32, 33]
