"""Suggest the next configuration: one file per sampler.

A sampler is made by `create`; a new one is a file here and an entry in it.
"""

from __future__ import annotations

from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.spec import Spec


def create(spec: Spec) -> Sampler:
    """Return the sampler of a spec's space and algorithm.

    Raises SpecError for a space that cannot be searched, ObjectiveError for an algorithm that is not found.
    """
    from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler

    return HyperoptSampler(spec.space, spec.algo)
