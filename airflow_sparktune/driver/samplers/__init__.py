"""Samplers suggest the next configuration; each file is one sampler.

To add a sampler, write it in a file here and construct it in `create`; CONTRIBUTING lists the other places.
"""

from __future__ import annotations

from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.spec import Spec


def create(spec: Spec) -> Sampler:
    """Return the sampler for a spec's space and algorithm.

    Raises SpecError for an invalid space, ObjectiveError if the algorithm cannot be imported.
    """
    from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler
    from airflow_sparktune.driver.samplers.neighbours import NeighbourSampler

    sampler = HyperoptSampler(spec.space, spec.algo)
    # Measured with tpe only; users of other algorithms get exactly what they asked for.
    if spec.warm_start is not None and spec.algo == "tpe":
        return NeighbourSampler(sampler, HyperoptSampler(spec.space, "random"))
    return sampler
