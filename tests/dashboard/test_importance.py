"""The importance of the parameters."""

from __future__ import annotations

import random

import pytest

from airflow_sparktune.dashboard.page.importance import FEWEST_TRIALS, Importances, importance
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

    assert next(iter(shares)) == "momentum"
    assert shares["momentum"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == {str(row["label"]) for row in DIMENSIONS}


def test_few_trials_have_no_importance() -> None:
    assert importance(DIMENSIONS, trials(FEWEST_TRIALS - 1)) == {}


def test_it_is_computed_again_only_after_a_trial_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(
        "airflow_sparktune.dashboard.page.importance.importance",
        lambda dimensions, trials: calls.append(len(trials)) or {"lr": 1.0},
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
        lambda dimensions, trials: calls.append(len(trials)) or {"lr": 1.0},
    )
    known = Importances(studies=2)

    for name, count in (("a", 30), ("b", 31), ("b", 32), ("a", 30), ("c", 33), ("b", 32), ("c", 33)):
        known.of(name, DIMENSIONS, trials(count))

    assert calls == [30, 31, 32, 33]
