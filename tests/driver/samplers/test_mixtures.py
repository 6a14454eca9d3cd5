"""The likelihoods of a mixture are bit-identical to hyperopt's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hyperopt import tpe
from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.driver.samplers.mixtures import gmm1_lpdf, lgmm1_lpdf

STEPS = st.sampled_from([None, 0.001, 0.5, 1.0, 3.0, 7])
# With 0 points there is nothing to compare; 1 component is only the prior.
POINTS = st.sampled_from([0, 1, 2, 24, 100])
COMPONENTS = st.one_of(st.integers(1, 40), st.sampled_from([129, 1000, 4001]))


def mixture(chance: np.random.Generator, components: int, mus: Any) -> tuple[Any, Any, Any]:
    weights = chance.random(components) + 1e-3
    sigmas = np.clip(chance.exponential(0.5, components), 0.1, 2)
    # Observations on a grid give equal components, adjacent or not.
    alike = chance.random(components) < chance.choice([0, 0.5, 1])
    return weights / weights.sum(), np.where(alike, np.round(mus), mus), np.where(alike, 0.1, sigmas)


@given(seed=st.integers(0, 2**32), bounded=st.booleans(), q=STEPS, points=POINTS, components=COMPONENTS)
def test_normal(seed: int, bounded: bool, q: float | None, points: int, components: int) -> None:
    """Holds with and without bounds and steps, and for points far outside the mixture."""
    chance = np.random.default_rng(seed)
    given_mixture = mixture(chance, components, np.sort(chance.uniform(-5, 20, components)))
    samples = stepped(chance.uniform(-40, 60, points), q)
    low, high = (-5, 20.5) if bounded else (None, None)
    same(gmm1_lpdf, tpe.GMM1_lpdf, samples, *given_mixture, low=low, high=high, q=q)


@given(seed=st.integers(0, 2**32), bounded=st.booleans(), q=STEPS, points=POINTS, components=COMPONENTS)
def test_log_normal(seed: int, bounded: bool, q: float | None, points: int, components: int) -> None:
    """Holds for log-normal mixtures too; values on a grid may be 0."""
    chance = np.random.default_rng(seed)
    given_mixture = mixture(chance, components, np.sort(chance.uniform(-3, 4, components)))
    samples = stepped(np.exp(chance.uniform(-5, 6, points)), q)
    low, high = (-3.0, 4) if bounded else (None, None)
    same(lgmm1_lpdf, tpe.LGMM1_lpdf, samples, *given_mixture, low=low, high=high, q=q)


@pytest.mark.parametrize("q", [None, 2])
def test_a_prior_of_whole_numbers(q: float | None) -> None:
    """Before the first observation, the mixture is the prior, with integer parameters."""
    weights, mus, sigmas = tpe.adaptive_parzen_normal([], 1.0, 0, 2)
    same(gmm1_lpdf, tpe.GMM1_lpdf, np.asarray([-4.0, 0.0, 2.0]), weights, mus, sigmas, q=q)
    same(lgmm1_lpdf, tpe.LGMM1_lpdf, np.asarray([2.0, 4.0]), weights, mus, sigmas, q=q)


def stepped(samples: Any, q: float | None) -> Any:
    return samples if q is None else np.round(samples / q) * q


def same(ours: Any, hyperopts: Any, samples: Any, *args: Any, **kwargs: Any) -> None:
    copies = [np.array(arg) for arg in (samples, *args)]
    with np.errstate(divide="ignore", invalid="ignore"):  # no component reaches the point
        found, expected = ours(samples, *args, **kwargs), hyperopts(*copies, **kwargs)
    assert (found.shape, found.dtype, found.tobytes()) == (expected.shape, expected.dtype, expected.tobytes())
    for arg, copy in zip((samples, *args), copies, strict=True):
        np.testing.assert_array_equal(arg, copy)
