"""Constrained problems of the literature: a loss over a box, and limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from airflow_sparktune.space import uniform
from benchmarks.search.constrained.problem import Constrained, Params

Point = Sequence[float]


def _on_box(
    box: Sequence[tuple[float, float]],
    loss: Callable[[Point], float],
    constraints: Callable[[Point], Sequence[float]],
    best: float,
) -> Constrained:
    space = {f"x{at}": uniform(low, high) for at, (low, high) in enumerate(box)}

    def outcome(params: Params) -> tuple[float, Sequence[float]]:
        x = [params[name] for name in space]
        return loss(x), constraints(x)

    limits = len(constraints([(low + high) / 2 for low, high in box]))
    return Constrained(space, outcome, limits, best)


def _gardner(x: Point) -> list[float]:
    return [math.cos(x[0]) * math.cos(x[1]) - math.sin(x[0]) * math.sin(x[1]) - 0.5]


def _gramacy(x: Point) -> list[float]:
    wave = 0.5 * math.sin(2 * math.pi * (x[0] ** 2 - 2 * x[1]))
    return [1.5 - x[0] - 2 * x[1] - wave, x[0] ** 2 + x[1] ** 2 - 1.5]


def _branin(x: Point) -> float:
    return (
        (x[1] - 5.1 * x[0] ** 2 / (4 * math.pi**2) + 5 * x[0] / math.pi - 6) ** 2
        + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0])
        + 10
    )


_A = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
_P = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)


def _hartmann(x: Point) -> float:
    return -sum(
        weight * math.exp(-sum(a * (value - p) ** 2 for a, value, p in zip(row, x, centre, strict=True)))
        for weight, row, centre in zip((1.0, 1.2, 3.0, 3.2), _A, _P, strict=True)
    )


def _spring(x: Point) -> list[float]:
    wire, coil, turns = x
    return [
        1 - coil**3 * turns / (71785 * wire**4),
        (4 * coil**2 - wire * coil) / (12566 * (coil * wire**3 - wire**4)) + 1 / (5108 * wire**2) - 1,
        1 - 140.45 * wire / (coil**2 * turns),
        (wire + coil) / 1.5 - 1,
    ]


def _vessel(x: Point) -> list[float]:
    shell, head, radius, length = x
    volume = math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3
    return [0.0193 * radius - shell, 0.00954 * radius - head, 1_296_000 - volume]


def _beam_loss(x: Point) -> float:
    return 1.10471 * x[0] ** 2 * x[1] + 0.04811 * x[2] * x[3] * (14 + x[1])


def _beam(x: Point) -> list[float]:
    weld, length, depth, width = x
    load, span, modulus, shear = 6000, 14, 30e6, 12e6
    moment = load * (span + length / 2)
    radius = math.sqrt(length**2 / 4 + ((weld + depth) / 2) ** 2)
    inertia = 2 * (math.sqrt(2) * weld * length * (length**2 / 12 + ((weld + depth) / 2) ** 2))
    direct, twist = load / (math.sqrt(2) * weld * length), moment * radius / inertia
    stress = math.sqrt(direct**2 + 2 * direct * twist * length / (2 * radius) + twist**2)
    buckling = (
        4.013 * modulus * math.sqrt(depth**2 * width**6 / 36) / span**2
        * (1 - depth / (2 * span) * math.sqrt(modulus / (4 * shear)))
    )  # fmt: skip
    return [
        stress / 13600 - 1,
        6 * load * span / (width * depth**2) / 30000 - 1,
        weld - width,
        4 * load * span**3 / (modulus * depth**3 * width) / 0.25 - 1,
        1 - buckling / load,
    ]


# Gardner et al. 2014; Gramacy et al. 2016; Gelbart et al. 2014 (Branin); Letham et al. 2019 (Hartmann);
# Coello 2002 (the others). The best losses are those of a long search by differential evolution.
FIELD: Mapping[str, Constrained] = {
    "Gardner 2D": _on_box(
        ((0, 6),) * 2, lambda x: math.cos(2 * x[0]) * math.cos(x[1]) + math.sin(x[0]), _gardner, -2.0
    ),
    "Gramacy 2D": _on_box(((0, 1),) * 2, lambda x: x[0] + x[1], _gramacy, 0.599788),
    "Branin 2D": _on_box(
        ((-5, 10), (0, 15)), _branin, lambda x: [(x[0] - 2.5) ** 2 + (x[1] - 7.5) ** 2 - 50], 0.397887
    ),
    "Hartmann 6D": _on_box(
        ((0, 1),) * 6, _hartmann, lambda x: [math.sqrt(sum(value**2 for value in x)) - 1], -3.32237
    ),
    "tension spring 3D": _on_box(
        ((0.05, 0.5), (0.25, 1.3), (2, 15)), lambda x: x[0] ** 2 * x[1] * (x[2] + 2), _spring, 0.012665
    ),
    "welded beam 4D": _on_box(((0.125, 5), (0.1, 10), (0.1, 10), (0.1, 5)), _beam_loss, _beam, 1.724852),
    "pressure vessel 4D": _on_box(
        ((0.0625, 6.1875), (0.0625, 6.1875), (10, 200), (10, 200)),
        lambda x: (
            0.6224 * x[0] * x[2] * x[3]
            + 1.7781 * x[1] * x[2] ** 2
            + 3.1661 * x[0] ** 2 * x[3]
            + 19.84 * x[0] ** 2 * x[2]
        ),
        _vessel,
        5885.33,
    ),
}
