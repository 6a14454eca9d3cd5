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
    return History(rows, rows[:, 0], rows[:0])


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
        again, alone = kept.latest(results(count)), Fits(SPACE).latest(results(count))
        assert np.array_equal(again.weights, alone.weights)
        assert (again.signal, again.noise) == (alone.signal, alone.noise)
