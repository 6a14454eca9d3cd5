"""The verdict of the search compares two contestants."""

from __future__ import annotations

import math

import pytest

from benchmarks.search.cells import Cell
from benchmarks.search.verdict import Verdict

# By contestant and problem: the regret of each seed.
REGRETS = {
    "ours": {"one": [0.2, 0.4, 0.3], "two": [0.1, 0.1, 0.4]},
    "theirs": {"one": [0.4, 0.8, 0.6], "two": [0.2, 0.2, 0.2]},
}


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> Verdict:
    monkeypatch.setattr(
        "benchmarks.search.verdict.regret", lambda cell, _: REGRETS[cell.contestant][cell.problem][cell.seed]
    )
    return Verdict(
        {
            who: {key: [Cell(key, who, 1, 8, seed) for seed in range(3)] for key in REGRETS[who]}
            for who in REGRETS
        },
        trials=8,
    )


def test_the_ratio_has_the_error_of_pairs(verdict: Verdict) -> None:
    """Ours less 0.625 of theirs has the variances 0.000625 and 0.03 over three seeds."""
    error = math.sqrt((0.000625 + 0.03) / 3) / 2 / 0.4
    assert verdict.ratio("ours", "theirs", 8) == (pytest.approx(0.25 / 0.4), pytest.approx(error))
    assert verdict.ratio("ours", "ours", 8) is None


def test_a_win_is_a_lower_regret_on_a_problem_or_in_a_study(verdict: Verdict) -> None:
    """On problem two the means are equal, which is half a win and says nothing about chance."""
    assert verdict.wins("ours", "theirs", 8) == (1.5, 1.0)
    assert verdict.wins_of_studies("ours", "theirs", 8) == (5, pytest.approx(2 * 7 / 64))
