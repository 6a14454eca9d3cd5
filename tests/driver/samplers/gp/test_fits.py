"""A fit is made once, and kept while later ones start from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from airflow_sparktune.driver.samplers.gp import fits
from airflow_sparktune.driver.samplers.gp.axis import Array, Axis
from airflow_sparktune.driver.samplers.gp.fits import Fits, last_fit
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.model import Settings, fit
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace, Parameter

SPACE = EncodedSpace((Parameter("x", axis=Axis(0.0, 1.0)), Parameter("y", axis=Axis(0.0, 1.0))))


def results(count: int) -> History:
    rows = np.random.default_rng(0).random((127, 2))[:count]
    return History(rows, rows[:, 0].copy(), rows[:0])


def test_a_fit_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(space: EncodedSpace, rows: Array, *others: Any, **options: Any) -> Settings:
        sizes.append(len(rows))
        return fit(space, rows, *others, **options)

    monkeypatch.setattr(fits, "fit", counted)
    kept = Fits(SPACE)
    for count in range(64, 128):
        kept.latest(results(count))
    assert sizes == sorted({last_fit(count) for count in range(64, 128)})


def test_a_fit_does_not_depend_on_earlier_ones() -> None:
    kept = Fits(SPACE)
    for count in (90, 20, 127, 64, 20):
        history = results(count)
        assert np.array_equal(kept.latest(history).weights, Fits(SPACE).latest(history).weights)


def test_results_with_equal_losses_are_told_apart() -> None:
    """A result that arrives late is sorted in by its end, and may have the loss of its neighbours."""
    kept, history = Fits(SPACE), results(20)
    history.losses[3:6] = 0.5
    kept.latest(history)
    history.rows[4] = [0.9, 0.1]
    assert np.array_equal(kept.latest(history).weights, Fits(SPACE).latest(history).weights)
