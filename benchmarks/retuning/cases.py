"""The populations of trials in which a retuning decides, from harmless ones to those that mislead its test.

All figures are in standard deviations (sd) of one loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

TRIALS = 40
DIVERGED = 100.0  # the loss of a run that diverged
Random = numpy.random.Generator
Draw = Callable[[Random, Any], Any]


def _normal(random: Random, size: Any) -> Any:
    return random.normal(size=size)


def _heavy(random: Random, size: Any) -> Any:
    return random.standard_t(3, size=size) / 3**0.5  # a variance of 1


def _steps(random: Random, size: Any) -> Any:
    return numpy.round(random.normal(size=size))


def _coarse_steps(random: Random, size: Any) -> Any:
    return 4 * numpy.floor(random.normal(size=size) / 4) + 2  # the true loss is halfway between two steps


def _exponential(random: Random, size: Any) -> Any:
    return random.exponential(size=size) - 1


def _lognormal(sigma: float) -> Draw:
    mean, sd = numpy.exp(sigma**2 / 2), numpy.exp(sigma**2 / 2) * numpy.expm1(sigma**2) ** 0.5

    def noise(random: Random, size: Any) -> Any:
        return (random.lognormal(sigma=sigma, size=size) - mean) / sd

    return noise


def _diverging(share: float) -> Draw:
    def noise(random: Random, size: Any) -> Any:
        return random.normal(size=size) + DIVERGED * ((random.random(size) < share) - share)

    return noise


def _equal(random: Random) -> Any:  # noqa: ARG001 - one signature for all
    return numpy.zeros(TRIALS)


def _worse(random: Random) -> Any:
    return numpy.abs(random.normal(size=TRIALS))


def _better(gain: float, *, count: int) -> Callable[[Random], Any]:
    def losses(random: Random) -> Any:  # noqa: ARG001 - as above
        return numpy.where(numpy.arange(TRIALS) < count, -gain, 0.0)

    return losses


@dataclass(frozen=True, slots=True)
class Case:
    """A population of trials; the incumbent's true loss is 0.

    `noise` is that of one loss, times `sd` of each configuration, the incumbent's first. With `normal`, the
    incumbent's is normal. `correlation` is that of the repeats of one configuration. `bias` is what the
    validation data do to a configuration's loss, as a standard deviation; `data` says what the repeats run
    on: the search's own, one hold-out, or a new split for every seed.
    """

    name: str
    truth: Callable[[Random], Any] = _equal
    noise: Draw = _normal
    sd: Callable[[Random], Any] = lambda _: numpy.ones(TRIALS + 1)
    normal: bool = False
    correlation: float = 0.0
    bias: float = 0.0
    data: str = "shared"
    guardrails: Mapping[str, Any] = field(default_factory=dict)
    repeats: tuple[int, ...] = field(default=(5,))


def _worst(limit: float | None) -> str:
    return "" if limit is None else f", each repeat at most {limit:g} sd"


CASES = (
    Case("a: all equal", repeats=(3, 5, 8)),
    Case("b: all worse", truth=_worse, repeats=(3, 5, 8)),
    *(
        Case(
            f"c: {count} of {TRIALS} better by {gain} sd", truth=_better(gain, count=count), repeats=(3, 5, 8)
        )
        for count in (10, 1)
        for gain in (1, 2, 3)
    ),
    Case("d: equal, the incumbent 3 times as noisy", sd=lambda _: numpy.r_[3.0, numpy.ones(TRIALS)]),
    Case(
        "d: equal, trials 0.3 to 3 times as noisy", sd=lambda r: numpy.r_[1.0, 3 ** r.uniform(-1, 1, TRIALS)]
    ),
    Case("e: equal, heavy tails (t, 3 degrees)", noise=_heavy),
    Case("e: equal, losses in steps of 1 sd", noise=_steps),
    *(
        Case(f"f: equal, bias {bias} sd, {data}", bias=bias, data=data)
        for bias in (0.5, 1.0)
        for data in ("shared", "one hold-out", "a new split per seed")
    ),
    *(
        Case(
            f"g: equal, {name}, the incumbent steady{_worst(limit)}",
            noise=noise,
            sd=lambda _: numpy.r_[0.1, numpy.ones(TRIALS)],
            normal=True,
            guardrails={} if limit is None else {"loss": {"each_max": limit}},
            repeats=(5, 20),
        )
        for name, noise in (
            ("exponential", _exponential),
            ("lognormal, sigma 1", _lognormal(1.0)),
            ("lognormal, sigma 1.5", _lognormal(1.5)),
        )
        for limit in (None, 0.5)
    ),
    *(
        Case(
            f"h: better by 3 sd, but {share:.0%} of the runs diverge{_worst(limit)}",
            truth=_better(3 - share * DIVERGED, count=TRIALS),
            noise=_diverging(share),
            normal=True,
            guardrails={} if limit is None else {"loss": {"each_max": limit}},
            repeats=(3, 5, 8, 20),
        )
        for share in (0.05, 0.1, 0.2)
        for limit in (None, 5.0)
    ),
    Case("i: equal, losses in steps of 4 sd", noise=_coarse_steps, repeats=(3, 5, 8)),
    Case("j: equal, repeats correlated 0.6", correlation=0.6, repeats=(3, 5, 8)),
)


def losses(case: Case, random: Random, truth: Any, repeats: int) -> tuple[Any, Any]:
    """The search's losses, and those of the repeats by configuration; the incumbent is number 0."""
    sd = case.sd(random)
    shape = (TRIALS + 1, repeats)
    bias = case.bias * random.normal(size=TRIALS + 1)
    noise, again = case.noise(random, TRIALS + 1), case.noise(random, shape)
    if case.normal:
        noise[0], again[0] = random.normal(), random.normal(size=repeats)
    if case.correlation:
        common = case.noise(random, (TRIALS + 1, 1))
        again = case.correlation**0.5 * common + (1 - case.correlation) ** 0.5 * again
    search = truth + bias + sd * noise
    match case.data:
        case "shared":
            on = bias[:, None]
        case "one hold-out":
            on = case.bias * random.normal(size=(TRIALS + 1, 1))
        case _:
            on = case.bias * random.normal(size=shape)
    return search, truth[:, None] + on + sd[:, None] * again
