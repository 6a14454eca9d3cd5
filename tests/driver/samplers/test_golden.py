"""Suggestions are those that were recorded: `golden.py` writes the file anew where a change is meant.

On the machine that wrote the file they are equal bit by bit. Other BLAS kernels round otherwise, which moved
no number by more than 2e-8 of its size.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.driver.samplers.golden import FILE, Asked, recommendation, replay, resumed, search_of, seed_of

SEARCHES = json.loads(FILE.read_text())


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: f"{search['algo']}, {search['space']}")
def test_suggestions_are_the_recorded_ones(search: dict[str, Any]) -> None:
    """They do not depend on when the sampler was made: a resumed study goes on with the same ones."""
    algo, space = search["algo"], search["space"]
    asked = [Asked(*each) for each in search["asked"]]
    sampler = search_of(algo, space)
    for number, found, expected, trials in replay(sampler, asked):
        assert found.by == expected.by, number
        assert found.point == pytest.approx(expected.point, rel=1e-6, abs=1e-9), number
        if number == len(asked) - 1:
            again = resumed(search_of(algo, space), trials)
            assert again.ask(number, seed=seed_of(number)) == found
    recommended = search["recommended"]
    assert recommendation(sampler) == (recommended and pytest.approx(recommended, rel=1e-6))
