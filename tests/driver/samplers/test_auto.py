"""The default algorithm is gp up to 1,000 trials, and tpe from then on."""

from __future__ import annotations

from airflow_sparktune import space
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.space import to_json
from airflow_sparktune.study.trial import Trial, TrialState
from tests.driver.world import spec

PLANE = to_json({"x": space.uniform(-5, 5), "y": space.uniform(-5, 5)})


def asked(sampler: Sampler, numbers: range) -> list[str | None]:
    """Run trials with these numbers, and return what suggested each."""
    found = []
    for number in numbers:
        suggestion = sampler.ask(number, seed=number)
        found.append(suggestion.by)
        running = Trial(number=number, params=suggestion.params, point=suggestion.point)
        loss = suggestion.params["x"] ** 2 + abs(suggestion.params["y"])
        sampler.tell(running.ended(TrialState.OK, end=float(number), loss=loss))
    return found


def test_gp_is_the_default() -> None:
    found = asked(sampler_of(PLANE, spec().algo), range(12))
    assert set(found) == {"gp: start", "gp"}


def test_tpe_continues_a_large_study() -> None:
    sampler, draws = sampler_of(PLANE, spec().algo), sampler_of(PLANE, "random")
    for number in range(999):
        drawn = draws.ask(number, seed=number)
        trial = Trial(number=number, params=drawn.params, point=drawn.point)
        sampler.tell(trial.ended(TrialState.OK, end=float(number), loss=drawn.params["x"] ** 2))
    assert asked(sampler, range(999, 1002)) == ["gp: repeat", "tpe", "tpe"]
