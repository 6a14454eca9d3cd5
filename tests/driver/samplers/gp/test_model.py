"""The model and the acquisition function agree with finite differences and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_sparktune.driver.samplers.gp.acquisition import Acquisition, log_expected_improvement, polish
from airflow_sparktune.driver.samplers.gp.axis import Array, Axis
from airflow_sparktune.driver.samplers.gp.fits import Limit
from airflow_sparktune.driver.samplers.gp.model import Posterior, Settings, _misfit, fit
from airflow_sparktune.driver.samplers.gp.run_time import Price
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace, Parameter

SPACE = EncodedSpace(
    (
        Parameter("x", axis=Axis(0.0, 1.0)),
        Parameter("c", weights=(0.25, 0.25, 0.5)),
        Parameter("y", axis=Axis(0.0, 1.0)),
    )
)
NONE = np.empty((0, 3))


def data(count: int) -> tuple[Array, Array]:
    rows = SPACE.settle(SPACE.draw(np.random.default_rng(count), count))
    losses = (rows[:, 0] - 0.3) ** 2 + 0.1 * (rows[:, 1] == 2) + 0.5 * np.sin(3 * rows[:, 2])
    return rows, (losses - losses.mean()) / losses.std()


def test_the_slope_of_the_misfit_is_that_of_its_differences() -> None:
    rows, targets = data(20)
    features = SPACE.features(rows)
    theta = np.array([0.4, -0.7, 1.3, 0.2, -3.0])

    def misfit(at: Array) -> float:
        return _misfit(SPACE, features, targets, Settings(at[:3], float(at[3]), float(at[4])))[0]

    _, slope = _misfit(SPACE, features, targets, Settings(theta[:3], 0.2, -3.0))
    steps = np.eye(5) * 1e-5
    differences = [(misfit(theta + step) - misfit(theta - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(slope, differences, rtol=1e-4, atol=1e-6)


def test_a_fit_finds_which_parameters_matter() -> None:
    rows = SPACE.settle(SPACE.draw(np.random.default_rng(0), 40))
    targets = np.sin(6 * rows[:, 0])
    found = fit(SPACE, rows, targets, start=Settings.typical(SPACE), iterations=30).weights
    assert found[0] > found[1] + 3
    assert found[0] > found[2] + 3


class TestPosterior:
    def test_it_passes_through_what_was_observed_without_noise(self) -> None:
        rows, targets = data(15)
        posterior = Posterior(SPACE, Settings(np.ones(3), 0.0, -13.8), rows, targets, NONE)
        means, deviations = posterior.predict(rows)
        np.testing.assert_allclose(means, targets, atol=1e-3)
        np.testing.assert_allclose(posterior.means, means, atol=1e-6)
        assert deviations.max() < 0.01

    def test_pending_rows_take_away_doubt_and_leave_the_mean(self) -> None:
        rows, targets = data(10)
        new = SPACE.settle(SPACE.draw(np.random.default_rng(5), 6))
        settings = Settings(np.ones(3))
        before = Posterior(SPACE, settings, rows, targets, NONE).predict(new)
        after = Posterior(SPACE, settings, rows, targets, new[:3]).predict(new)
        np.testing.assert_allclose(after[0], before[0], atol=1e-8)
        assert (after[1][:3] < 0.3 * before[1][:3]).all()
        assert (after[1] <= before[1] + 1e-9).all()

    def test_its_slopes_are_those_of_its_differences(self) -> None:
        rows, targets = data(12)
        posterior = Posterior(SPACE, Settings(np.array([1.0, 0.5, 2.0])), rows, targets, rows[:1] * 0.9)
        row, columns = np.array([0.42, 1.0, 0.77]), np.array([0, 2])
        mean, deviation, mean_slope, deviation_slope = posterior.slopes(row, columns)
        assert posterior.predict(row[None]) == (pytest.approx(mean), pytest.approx(deviation))
        for at, column in enumerate(columns):
            step = np.eye(3)[column] * 1e-6
            above, below = posterior.predict((row + step)[None]), posterior.predict((row - step)[None])
            assert mean_slope[at] == pytest.approx((above[0][0] - below[0][0]) / 2e-6, rel=1e-4)
            assert deviation_slope[at] == pytest.approx((above[1][0] - below[1][0]) / 2e-6, rel=1e-4)

    def test_the_same_row_many_times_does_no_harm(self) -> None:
        rows = np.repeat([[0.5, 1.0, 0.5]], 30, axis=0)
        targets = np.linspace(-1, 1, 30)
        posterior = Posterior(SPACE, Settings(np.ones(3), 4.0, -13.8), rows, targets, rows[:3])
        assert np.isfinite(posterior.predict(rows)).all()


class TestAcquisition:
    def test_polishing_never_promises_less(self) -> None:
        rows, targets = data(15)
        posterior = Posterior(SPACE, Settings(np.ones(3)), rows, targets, NONE)
        best = float(posterior.means.min())
        for row in SPACE.settle(SPACE.draw(np.random.default_rng(8), 10)):
            low, high = row - 0.1, np.minimum(row + 0.1, 1.0)
            low = np.maximum(low, 0.0)
            moved = polish(Acquisition(posterior, best), row, np.array([0, 2]), low, high)
            before, after = log_expected_improvement(*posterior.predict(np.array([row, moved])), best)
            assert after >= before - 1e-9
            assert moved[1] == row[1]
            assert ((low <= moved) & (moved <= high))[[0, 2]].all()

    @pytest.mark.parametrize("best", [-1.0, None])
    def test_its_slope_is_that_of_its_differences(self, best: float | None) -> None:
        rows, targets = data(12)
        loss, metric = (
            Posterior(SPACE, Settings(np.array(weights)), rows, values, NONE)
            for weights, values in (([1.0, 0.5, 2.0], targets), ([2.0, 1.0, 0.5], targets[::-1]))
        )
        price = Price(metric, 1.5, Limit(metric, 0.2, noise=0.5))
        acquisition = Acquisition(loss, best, [Limit(metric, -0.3), Limit(loss, 0.4)], price)
        row, columns = np.array([0.42, 1.0, 0.77]), np.array([0, 2])
        value, slope = acquisition.slope(row, columns)
        assert value == pytest.approx(acquisition.rated(row[None])[1, 0])
        for at, column in enumerate(columns):
            step = np.eye(3)[column] * 1e-6
            above, below = acquisition.rated(np.array([row + step, row - step]))[1]
            assert slope[at] == pytest.approx((above - below) / 2e-6, rel=1e-4)

    def test_it_agrees_with_the_mean_of_draws(self) -> None:
        draws = np.random.default_rng(0).normal(0.3, 0.8, 400_000)
        by_chance = np.maximum(0.1 - draws, 0).mean()
        found = log_expected_improvement(np.array([0.3]), np.array([0.8]), 0.1)[0]
        assert np.exp(found) == pytest.approx(by_chance, rel=0.01)
