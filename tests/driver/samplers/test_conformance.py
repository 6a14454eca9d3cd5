"""Every sampler of the package passes SamplerSuite."""

from __future__ import annotations

import numpy as np
import pytest
from hyperopt import anneal, rand, tpe

from airflow_sparktune.driver.fmin.sampler import FminSampler, Seeds
from airflow_sparktune.driver.samplers import over
from airflow_sparktune.study.definition import ALGORITHMS
from airflow_sparktune.testing import SamplerSuite
from airflow_sparktune.testing.sampler import MakeSampler


class TestOfASpec(SamplerSuite):
    @pytest.fixture(
        params=[
            *(name for name in ALGORITHMS if name != "atpe"),
            pytest.param("atpe", marks=pytest.mark.integration),  # slow for each suggestion
            "hyperopt.tpe:suggest",
            "optuna:TPESampler",
            "tests.driver.user_spaces:LastDraw",
        ]
    )
    def make_sampler(self, request: pytest.FixtureRequest) -> MakeSampler:
        return lambda space: over(space, request.param)


class TestOfFmin(SamplerSuite):
    @pytest.fixture(params=[tpe.suggest, rand.suggest, anneal.suggest])
    def make_sampler(self, request: pytest.FixtureRequest) -> MakeSampler:
        return lambda space: FminSampler(space.domain, request.param, seeds=Seeds(np.random.default_rng(7)))
