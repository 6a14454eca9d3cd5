"""Samplers suggest the next configuration; each file is one sampler.

To add a sampler, write it in a file here and make it in `over`; CONTRIBUTING lists the other places.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.executor.objective import load
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.packages import require_packages
from airflow_sparktune.study.guards import Guards

if TYPE_CHECKING:
    from airflow_sparktune.driver.samplers.search_space import SearchSpace

log = logging.getLogger(__name__)


def sampler_of(space: Any, algo: str) -> Sampler:
    """Return the sampler of an algorithm over a space, both as in a spec.

    Raises SpecError for an invalid space, ObjectiveError if the algorithm cannot be imported.
    """
    from airflow_sparktune.driver.samplers.search_space import SearchSpace

    return over(SearchSpace.of(space), algo)


def guarded(sampler: Sampler, spec: Spec) -> Sampler:
    """Give a new sampler the guardrails of the study; say so if it cannot search by them."""
    from airflow_sparktune.driver.samplers.search_space import SpaceSampler

    if spec.rule.guardrails:
        if isinstance(sampler, SpaceSampler) and sampler.steered:
            sampler.guard(Guards(spec.rule))
        else:
            log.warning(
                "retuning.guardrails steer no search of algo %r, only its result; use auto, gp or tpe",
                spec.algo,
            )
    return sampler


def over(space: SearchSpace, algo: str) -> Sampler:
    """Return the sampler of an algorithm over a space; raises SpecError if its package is not installed."""
    require_packages(algo)
    # Each sampler is imported when it is used: they need hyperopt, numpy, scipy or Optuna.
    match algo.partition(":"):
        case "auto", "", "":
            from airflow_sparktune.driver.samplers.auto import AutoSampler

            return AutoSampler(space)
        case "gp", "", "":
            from airflow_sparktune.driver.samplers.gp.sampler import GpSampler

            return GpSampler(space)
        case name, "", "":
            from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler

            return HyperoptSampler.named(name, space)
        case "optuna", _, name:
            from airflow_sparktune.driver.samplers.optuna import OptunaSampler

            return OptunaSampler(space, name)
        case _:
            return _users(space, algo)


def _users(space: SearchSpace, algo: str) -> Sampler:
    """Return the sampler that a reference names: a class of samplers, or a suggest function of hyperopt's."""
    found = load(algo)
    if isinstance(found, type):
        made = found(space)
        if isinstance(made, Sampler):
            return made
    elif callable(found):
        from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler

        return HyperoptSampler(space, found, name=algo)
    what = f"class {found.__name__}" if isinstance(found, type) else type(found).__name__
    raise ObjectiveError(
        f"algo {algo!r} must name a class with the methods of a sampler (ask, tell, given, recommend), or a "
        f"function with hyperopt's suggest signature, got {what}; derive the class from SpaceSampler"
    )
