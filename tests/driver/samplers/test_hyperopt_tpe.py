"""The cache makes hyperopt's TPE faster and does not change its suggestions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import hyperopt
import pytest
from hyperopt import hp, rand, tpe

from airflow_sparktune.driver.samplers.hyperopt import TPE_SETTINGS, HyperoptSampler
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
from airflow_sparktune.driver.samplers.hyperopt_tpe import RememberingTpe, remembering
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.study.trial import Trial, TrialState

SPACES: dict[str, Any] = {
    "numbers": {
        "a": hp.uniform("a", -5, 5),
        "b": hp.loguniform("b", -9, 0),
        "c": hp.normal("c", 0, 2),
        "d": hp.lognormal("d", 0, 1),
    },
    "steps": {
        "a": hp.quniform("a", 0, 10, 2),
        "b": hp.qloguniform("b", 0, 5, 1),
        "c": hp.qnormal("c", 0, 9, 1),
        "d": hp.qlognormal("d", 0, 1, 1),
        "e": hp.uniformint("e", 1, 9),
    },
    "counts": {
        "a": hp.randint("a", 5),
        "b": hp.randint("b", 3, 9),
        "c": hp.pchoice("c", [(0.2, "x"), (0.8, "y")]),
    },
    "branches": hp.choice(
        "kind",
        [
            {"depth": hp.randint("depth", 2, 12), "rate": hp.loguniform("rate", -5, 0)},
            {"kernel": hp.choice("kernel", ["rbf", {"degree": hp.quniform("degree", 1, 5, 1)}])},
            "none",
        ],
    ),
}

KINDS: dict[str, Any] = {
    "uniform": lambda label, chance: hp.uniform(label, -1, chance.uniform(0, 50)),
    "quniform": lambda label, chance: hp.quniform(label, -3, 40, chance.choice([0.01, 1, 7])),
    "loguniform": lambda label, chance: hp.loguniform(label, -9, chance.uniform(-1, 3)),
    "qloguniform": lambda label, chance: hp.qloguniform(label, 0, 5, chance.choice([0.5, 4])),
    "normal": lambda label, chance: hp.normal(label, 3, chance.uniform(1, 9)),
    "qnormal": lambda label, chance: hp.qnormal(label, 0, 9, chance.choice([0.1, 5])),
    "lognormal": lambda label, chance: hp.lognormal(label, 0, chance.uniform(0.1, 2)),
    "qlognormal": lambda label, chance: hp.qlognormal(label, 1, 1, chance.choice([0.5, 1])),
    "uniformint": lambda label, chance: hp.uniformint(label, 0, chance.randint(1, 99)),
    "randint": lambda label, chance: hp.randint(label, chance.randint(2, 99)),
    "choice": lambda label, chance: hp.choice(
        label, [None, *(dimension(f"{label}.{i}", chance) for i in "ab")]
    ),
}


def dimension(label: str, chance: random.Random) -> Any:
    """Return a random dimension; a choice contains dimensions of the other kinds."""
    return KINDS[chance.choice(list(KINDS)[:-1])](label, chance)


def sampler(space: Any, suggest: Any) -> HyperoptSampler:
    domain = hyperopt.base.Domain(None, space)
    return HyperoptSampler(SearchSpace(domain, read_dimensions(domain.expr)), suggest)


def hyperopts(settings: dict[str, Any]) -> Any:
    """Return hyperopt's own function, wrapped so that the sampler does not add the cache."""
    return lambda *asked: tpe.suggest(*asked, **settings)


@pytest.mark.parametrize("settings", [{}, {"n_startup_jobs": 5, "gamma": 1.0, "n_EI_candidates": 9}])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("seed", range(2))
def test_suggestions_are_those_of_hyperopt(space: str, settings: dict[str, Any], seed: int) -> None:
    """Holds after any history: trials that run, fail, tie and end out of order, in every kind of space."""
    chance = random.Random(seed)
    plain = sampler(SPACES[space], hyperopts({"verbose": False, **settings}))
    ours = sampler(SPACES[space], RememberingTpe({"verbose": False, **settings}))
    blind = sampler(SPACES[space], rand.suggest)
    running: list[Trial] = []
    for number in range(50):
        expected = plain.ask(number, seed=1000 * seed + number)
        assert ours.ask(number, seed=1000 * seed + number) == expected
        raw = expected.point if chance.random() < 0.3 else blind.ask(number, seed=number).point
        running.append(Trial(number=number, params=None, point=raw))
        updates = [running[-1]]
        while len(running) > chance.randint(0, 4):
            ended = running.pop(chance.randrange(len(running)))
            updates.append(outcome(ended, chance))
        for trial in updates:
            plain.tell(trial)
            ours.tell(trial)


@pytest.mark.parametrize("seed", range(8))
def test_suggestions_are_those_of_hyperopt_on_any_space(seed: int) -> None:
    """Holds for random spaces of ten dimensions, after more trials than TPE counts in full."""
    chance = random.Random(seed)
    kinds = [chance.choice(list(KINDS)) for _ in range(10)]
    space = {f"{at}-{kind}": KINDS[kind](f"{at}-{kind}", chance) for at, kind in enumerate(kinds)}
    plain = sampler(space, hyperopts({**TPE_SETTINGS}))
    ours = sampler(space, RememberingTpe(TPE_SETTINGS))
    blind = sampler(space, rand.suggest)
    for number in range(120):
        trial = Trial(number=number, params=None, point=blind.ask(number, seed=number).point)
        update = trial if chance.random() < 0.1 else outcome(trial, chance)
        plain.tell(update)
        ours.tell(update)
        if number % 20 == 19:
            assert ours.ask(1000, seed=number) == plain.ask(1000, seed=number)


def outcome(trial: Trial, chance: random.Random) -> Trial:
    if chance.random() < 0.1:
        return replace(trial, state=TrialState.FAILED)
    return replace(trial, state=TrialState.OK, loss=round(chance.gauss(0, 1), 1))


def test_two_alternating_histories_are_not_confused() -> None:
    """One cache used alternately with two histories does not confuse them."""
    space, settings = SPACES["branches"], {"n_startup_jobs": 3, "verbose": False}
    memory = RememberingTpe(settings)
    pairs = [(sampler(space, memory), sampler(space, hyperopts(settings))) for _ in range(2)]
    for ours, plain in pairs:
        ours.space = plain.space
    blind = sampler(space, rand.suggest)
    for number in range(20):
        for which, (ours, plain) in enumerate(pairs):
            assert ours.ask(number, seed=number) == plain.ask(number, seed=number)
            raw = blind.ask(number, seed=number + 100 * which).point
            trial = Trial(number=number, params=None, point=raw, state=TrialState.OK, loss=float(number % 7))
            ours.tell(trial)
            plain.tell(trial)


def test_a_history_out_of_order_is_delegated_to_hyperopt() -> None:
    """Numbers that do not increase (in a history of another script) give hyperopt's own suggestion."""
    settings = {"n_startup_jobs": 3, "verbose": False}
    ours = sampler(SPACES["numbers"], RememberingTpe(settings))
    plain = sampler(SPACES["numbers"], hyperopts(settings))
    blind = sampler(SPACES["numbers"], rand.suggest)
    for number in (4, 1, 3, 0, 2):
        raw = blind.ask(number, seed=number).point
        trial = Trial(number=number, params=None, point=raw, state=TrialState.OK, loss=float(number))
        ours.tell(trial)
        plain.tell(trial)
    assert ours.ask(5, seed=5) == plain.ask(5, seed=5)


def test_only_tpe_gets_the_cache() -> None:
    """Other suggest functions are returned unchanged."""
    assert isinstance(remembering(tpe.suggest), RememberingTpe)
    assert isinstance(remembering(partial(tpe.suggest, gamma=0.5)), RememberingTpe)
    assert remembering(rand.suggest) is rand.suggest


TRAP = {
    "model": hp.choice(
        "model",
        [
            {"wide": hp.uniform("wide", 0, 1)},
            {"x": hp.uniform("x", 0, 1), "y": hp.uniform("y", 0, 1)},
        ],
    )
}


def trap(point: Mapping[str, Any]) -> float:
    """The second branch has the lower minimum, and 3 % of it are below the minimum of the first."""
    if point["model"] == 0:
        return 0.1 + 0.2 * (float(point["wide"]) - 0.4) ** 2
    return min(0.4, 10 * (float(point["x"]) - 0.7) ** 2 + 10 * (float(point["y"]) - 0.3) ** 2)


def test_tpe_leaves_a_branch_with_a_wide_optimum_for_a_narrow_one_that_is_lower() -> None:
    domain = hyperopt.base.Domain(None, TRAP)
    found = []
    for seed in range(10):
        search = HyperoptSampler.named("tpe", SearchSpace(domain, read_dimensions(domain.expr)))
        losses = []
        for number in range(100):
            point = search.ask(number, seed=1000 * seed + number).point
            losses.append(trap(point))
            trial = Trial(number=number, params=None, point=point, state=TrialState.OK, loss=losses[-1])
            search.tell(trial)
        found.append(min(losses))
    assert sum(loss < 0.05 for loss in found) >= 7  # 8; with hyperopt's split 3


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.PRUNED])
def test_tpe_does_not_stay_where_all_trials_of_a_branch_have_no_loss(state: TrialState) -> None:
    domain = hyperopt.base.Domain(None, TRAP)
    search = HyperoptSampler.named("tpe", SearchSpace(domain, read_dimensions(domain.expr)))
    for number in range(24):
        point = {"model": 0, "wide": number / 24}
        search.tell(Trial(number=number, params=None, point=point, state=TrialState.OK, loss=trap(point)))
    for number, x in enumerate((0.95, 0.92, 0.89, 0.71, 0.74, 0.77), start=24):
        point = {"model": 1, "x": x, "y": x}
        search.tell(Trial(number=number, params=None, point=point, state=state))
    points = [search.ask(30, seed=seed).point for seed in range(100)]
    found = [point["x"] for point in points if point["model"] == 1]
    assert found
    assert sum(x > 0.7 for x in found) < 0.3 * len(found)
