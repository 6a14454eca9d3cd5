"""Losses become targets of the same order at any scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.scale import LossScale

NONE = np.empty((0, 1))


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1.0, 1e12, 1e148])
def test_any_scale_gives_standard_targets_in_the_same_order(size: float) -> None:
    losses = np.random.default_rng(1).lognormal(0, 2, 50) * size
    scale = LossScale.of(losses)
    found = scale.targets(losses)
    assert np.isfinite(found).all()
    assert found.mean() == pytest.approx(0, abs=1e-9)
    assert found.std() == pytest.approx(1)
    assert (np.diff(found[np.argsort(losses)]) >= 0).all()
    assert math.isfinite(scale.log_unit)


def test_a_loss_far_below_the_others_has_a_finite_target() -> None:
    losses = 1.0 + 1e-15 * np.arange(8.0)
    assert -200 < LossScale.of(losses).targets(np.array([-1e150]))[0] < -50


def test_a_failure_counts_as_the_worst_loss() -> None:
    history = History(NONE, np.array([1.0, np.nan, 3.0]), NONE)
    assert history.filled.tolist() == [1.0, 3.0, 3.0]


def test_many_equal_best_losses() -> None:
    losses = np.array([0.0] * 20 + [1.0, 2.0])
    found = LossScale.of(losses).targets(losses)
    assert found[0] < found[20] < found[21]


def test_a_unit_of_good_targets_is_the_same_difference_of_losses_everywhere() -> None:
    scale = LossScale.of(np.arange(20.0))
    better, best = scale.targets(np.array([1.0, -2.0]))
    assert (better - best) * math.exp(scale.log_unit) == pytest.approx(3.0)
