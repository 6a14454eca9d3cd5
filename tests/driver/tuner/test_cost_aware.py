"""A study that should spend its time well tells its sampler what is left, the same after a restart."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune import space as ours
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Left
from airflow_sparktune.executor.evaluate import Call
from benchmarks.simulated import Ending
from tests.driver.retuning.weeks import Weeks
from tests.driver.world import DigestSampler, World

SPACE = {"x": ours.uniform(0, 1), "size": ours.uniform(0, 1)}
AWARE = {"cost_aware": True}
TIMEOUT: dict[str, Any] = {"max_evals": None, "timeout": 120.0, "limits": AWARE}


def growing(call: Call) -> Ending:
    """Play trials of 1 to 40 seconds whose loss depends on x alone."""
    x, size = call.params["x"], call.params["size"]
    return Ending.ok((x - 0.4) ** 2, after_s=40.0**size)


def run(world: World, *, ends: int | None = None, **given: Any) -> list[Any]:
    """Run an attempt with `gp`, to its end or for `ends` trials; return the params of all trials."""
    spec: Any = {"sampler": sampler_of(SPACE, "gp"), "space": SPACE, **given}
    if ends is None:
        world.attempt(growing, **spec)
    else:
        world.interrupt(growing, capacity=1, ends=ends, **spec)
    return world.params


class Listening(DigestSampler):
    """Keeps what is left of the study at each suggestion."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Left] = []

    def prefer_cheap(self, left: Any) -> None:
        self.left = left

    def ask(self, number: int, *, seed: int) -> Any:
        self.heard.append(self.left())
        return super().ask(number, seed=seed)


@pytest.mark.parametrize(
    "given",
    [
        {"max_evals": None, "timeout": 40.0, "limits": AWARE},
        {"max_evals": None, "limits": {"budget_slot_hours": 40.0 / 3600.0, **AWARE}},
        {"max_evals": 4, "limits": AWARE},
    ],
)
def test_the_sampler_hears_what_is_left(given: dict[str, Any]) -> None:
    sampler = Listening()
    World().attempt(lambda call: Ending.ok(call.params["x"], after_s=10.0), sampler=sampler, **given)
    assert [left.share for left in sampler.heard] == pytest.approx([1.0, 0.75, 0.5, 0.25])
    if given["max_evals"] is None:
        assert [left.seconds for left in sampler.heard] == pytest.approx([40.0, 30.0, 20.0, 10.0])


def test_a_resumed_study_suggests_the_same() -> None:
    whole, cut = World(), World()
    run(cut, ends=6, **TIMEOUT)
    run(cut, ends=3, **TIMEOUT)
    assert run(cut, **TIMEOUT) == run(whole, **TIMEOUT)


def test_a_timeout_alone_changes_no_suggestion() -> None:
    without = run(World(), max_evals=16)
    assert run(World(), max_evals=16, timeout=1e6) == without
    assert run(World(), max_evals=16, timeout=1e6, limits=AWARE) != without


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"algo": "gp", "timeout": 60.0}, None),
        ({"algo": "gp", "limits": {"cost_aware": True}}, "suggestions prefer configurations that are cheap"),
        ({"algo": "tpe", "limits": {"cost_aware": True}}, "limits.cost_aware has no effect: algo 'tpe'"),
    ],
)
def test_the_log_says_whether_it_is_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, given: dict[str, Any], said: str | None
) -> None:
    with caplog.at_level(logging.INFO):
        Weeks.within(tmp_path).run("w1", **given)
    lines = [line for line in caplog.messages if "cheap" in line or "cost_aware" in line]
    assert (said is None and not lines) or (len(lines) == 1 and str(said) in lines[0])
