"""Conditional spaces of our own: branches have parameters of their own."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from airflow_sparktune.space import choice, loguniform, uniform, uniformint
from benchmarks.search.problem import Problem


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


def families() -> Problem:
    """Ten kinds of models with two or three parameters each; three can become the best."""
    chance = random.Random(5)
    kinds = []
    for number in range(10):
        base = 0.1 + 0.03 * number if number < 3 else chance.uniform(0.2, 0.5)
        names = "abc"[: 2 + number % 2]
        kinds.append((base, {name: chance.random() for name in names}, chance.uniform(0.3, 1.5)))
    # A broad optimum just above the best one, which is narrow.
    kinds[1] = (0.11, kinds[1][1], 0.2)
    kinds[0] = (0.1, kinds[0][1], 2.0)
    space = {
        "model": choice(
            [
                {"kind": number, **{name: uniform(0.0, 1.0) for name in best}}
                for number, (_, best, _) in enumerate(kinds)
            ]
        )
    }

    def loss(params: Mapping[str, Any]) -> float:
        model = params["model"]
        base, best, slope = kinds[model["kind"]]
        return base + slope * sum((model[name] - value) ** 2 for name, value in best.items())

    return Problem("conditional: families", space, loss, 0.1)


def options() -> Problem:
    """Four independent extras that can be switched on, each with two parameters; two of them help."""
    helps = (-0.15, 0.05, -0.1, 0.1)
    space = {
        "lr": loguniform(1e-5, 1.0),
        **{
            f"extra{at}": choice(["off", {"strength": uniform(0.0, 1.0), "decay": loguniform(1e-3, 1.0)}])
            for at in range(len(helps))
        },
    }

    def loss(params: Mapping[str, Any]) -> float:
        found = 0.3 + 0.02 * (math.log10(params["lr"]) + 2.5) ** 2
        for at, gain in enumerate(helps):
            extra = params[f"extra{at}"]
            if extra != "off":
                off = (extra["strength"] - 0.3 - 0.1 * at) ** 2 + 0.1 * (math.log10(extra["decay"]) + 1) ** 2
                found += gain + 0.5 * off
        return found

    return Problem("conditional: options", space, loss, 0.05)


def cascade() -> Problem:
    """Two kinds, each with two methods of its own: shared parameters above, others at every level."""

    def method(number: int) -> dict[str, Any]:
        own = {"x": uniform(0.0, 1.0), "y": loguniform(1e-4, 1.0)} if number % 2 else {"n": uniformint(1, 40)}
        return {"number": number, **own}

    def kind(number: int) -> dict[str, Any]:
        methods = choice([method(3 * number + at) for at in range(3)])
        return {"scale": loguniform(1e-2, 1e2), "method": methods}

    space = {"shift": uniform(-1.0, 1.0), "kind": choice([kind(0), kind(1)])}
    base = (0.25, 0.2, 0.3, 0.1, 0.22, 0.4)

    def loss(params: Mapping[str, Any]) -> float:
        scale, found = math.log10(params["kind"]["scale"]), params["kind"]["method"]
        number = found["number"]
        if "n" in found:
            own = 0.1 * math.log2(found["n"] / (6 + 2 * number)) ** 2
        else:
            own = 0.8 * (found["x"] - 0.2 * number / 2) ** 2 + 0.05 * (math.log10(found["y"]) + 2) ** 2
        return base[number] + own + 0.1 * (scale - 0.5) ** 2 + 0.2 * (params["shift"] + 0.3) ** 2

    return Problem("conditional: cascade", space, loss, 0.1)


def deep() -> Problem:
    """Choices three deep with a parameter at each level; the best of the eight leaves is a narrow one."""
    chance = random.Random(21)
    leaves = [
        (chance.uniform(0.2, 0.4), chance.random(), chance.uniform(-3.0, 0.0), chance.uniform(0.2, 1.0))
        for _ in range(8)
    ]
    leaves[5] = (0.1, 0.7, -1.0, 2.5)
    leaves[2] = (0.15, 0.4, -2.0, 0.4)

    def node(path: tuple[int, ...]) -> dict[str, Any]:
        if len(path) == 3:
            return {
                "leaf": 4 * path[0] + 2 * path[1] + path[2],
                "x": uniform(0.0, 1.0),
                "y": loguniform(1e-3, 1.0),
            }
        return {f"w{len(path)}": uniform(-1.0, 1.0), "next": choice([node((*path, at)) for at in range(2)])}

    def loss(params: Mapping[str, Any]) -> float:
        found, off = params, 0.0
        for level in range(3):
            off += 0.1 * (found[f"w{level}"] - 0.3 * level) ** 2
            found = found["next"]
        base, x, y, slope = leaves[found["leaf"]]
        return base + off + slope * ((found["x"] - x) ** 2 + 0.2 * (math.log10(found["y"]) - y) ** 2)

    return Problem("conditional: deep", node(()), loss, 0.1)


def library() -> Problem:
    """Four kinds of models with three variants each, one to three parameters per variant."""
    chance = random.Random(8)
    names = ("alpha", "gamma", "rate")
    variants = {
        (kind, at): (
            chance.uniform(0.15, 0.5),
            {name: chance.random() for name in names[: 1 + (kind + at) % 3]},
            chance.uniform(0.2, 1.2),
        )
        for kind in range(4)
        for at in range(3)
    }
    variants[2, 1] = (0.05, {"alpha": 0.8, "gamma": 0.25}, 3.0)
    variants[0, 2] = (0.1, {"alpha": 0.2, "gamma": 0.5, "rate": 0.6}, 0.5)
    space = {
        "seasonal": choice([True, False]),
        "model": choice(
            [
                {
                    "kind": kind,
                    "variant": choice(
                        [
                            {"at": at, **{name: uniform(0.0, 1.0) for name in variants[kind, at][1]}}
                            for at in range(3)
                        ]
                    ),
                }
                for kind in range(4)
            ]
        ),
    }

    def loss(params: Mapping[str, Any]) -> float:
        found = params["model"]["variant"]
        base, best, slope = variants[params["model"]["kind"], found["at"]]
        off = sum((found[name] - value) ** 2 for name, value in best.items())
        return base + slope * off + (0.0 if params["seasonal"] else 0.04)

    return Problem("conditional: library", space, loss, 0.05)
