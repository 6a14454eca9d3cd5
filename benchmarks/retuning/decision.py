"""How often a retuning replaces a champion that it should keep, and misses one that it should replace.

A simulation of the search's noisy losses, decided by the product's own code. All figures are in standard
deviations of one loss; docs/explanation/deciding.md shows the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from airflow_sparktune.driver.retuning.decide import decide
from airflow_sparktune.study.definition.rule import Confirm, DecisionRule, Guardrail
from airflow_sparktune.study.record.contender import Contender, Repeat
from airflow_sparktune.study.retuning.decision import Decision, Outcome
from benchmarks.report import Findings
from benchmarks.retuning.cases import CASES, TRIALS, Case, losses

QUESTION = "How often does a retuning decide wrongly?"
TARGET = (
    "at most 5 % plus two standard errors wrong replacements in a to c; "
    "a gain of 3 standard deviations replaced in at least 80 % at 5 repeats"
)


@dataclass(frozen=True, slots=True)
class Size:
    """How many seeds each case has, and how many of them live through 52 weeks."""

    seeds: int
    years: int


FULL = Size(seeds=5_000, years=1_000)
TINY = Size(seeds=20, years=1)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peers are rules, not programs
    """Each case at each number of repeats, then 52 weeks under three rules."""
    rows: list[Any] = [row for case in CASES for row in _rows(case, size.seeds)]
    notes = [
        f"{size.seeds} seeds a row, {TRIALS} trials, the best 3 against the incumbent, confidence 0.95; a "
        f"standard error of 5 % is {100 * (0.05 * 0.95 / size.seeds) ** 0.5:.2f} %",
        "wrong: replaced by a configuration that is not truly better; minimum: by the minimum of n",
        *_weeks(size.years),
    ]

    def draw(axes: Any) -> None:
        names = [f"{row[0]} (r = {row[1]})" for row in rows]
        axes.barh(names, [row[3] for row in rows])
        axes.axvline(5, color="black", linewidth=0.8)
        axes.tick_params(axis="y", labelsize=5)
        axes.set(xlabel="% wrong replacements")

    columns = ("case", "repeats", "replaced %", "wrong %", "wrong % by the minimum")
    return Findings(columns, rows, draw, notes)


def _rows(case: Case, seeds: int) -> Iterator[tuple[Any, ...]]:
    for repeats in case.repeats:
        replaced = wrong = minimum_wrong = 0
        for seed in range(seeds):
            random = numpy.random.default_rng(seed)
            truth = numpy.r_[0.0, case.truth(random)]
            search, again = losses(case, random, truth, repeats)
            winner = _decide(search, again, repeats, case.guardrails)
            replaced += winner != 0
            wrong += winner != 0 and truth[winner] >= 0
            least = int(search.argmin())
            minimum_wrong += least != 0 and truth[least] >= 0
        yield (case.name, repeats, *(100 * count / seeds for count in (replaced, wrong, minimum_wrong)))


def _decide(search: Any, again: Any, repeats: int, guardrails: Mapping[str, Any] | None = None) -> int:
    """Which configuration is in production afterwards, by the product's decision."""
    nominated = 1 + numpy.argsort(search[1:])[:3]
    incumbent, *candidates = (
        Contender(
            int(number),
            {},
            float(search[number]),
            {at: Repeat(float(loss)) for at, loss in enumerate(again[number], start=1)},
        )
        for number in (0, *nominated)
    )
    rule = DecisionRule(
        confirm=Confirm(repeats=repeats), guardrails=Guardrail.parse_all("guardrails", guardrails or {})
    )
    decision: Decision = decide(rule, incumbent, candidates)
    return decision.number or 0 if decision.outcome is Outcome.REPLACED else 0


def _weeks(years: int) -> Iterator[str]:
    """52 retunings in a row while the optimum stands still, and while it wanders."""
    for name, step in (("the data stand still", 0.0), ("the optimum wanders", 0.35)):
        for rule in ("never", "minimum of n", "confirmed"):
            figures = numpy.array([_year(seed, step=step, rule=rule) for seed in range(years)])
            loss, replaced, wrong = figures.mean(axis=0)
            yield (
                f"52 weeks, {name}, {rule}: true loss {loss:.2f} above the optimum's in the mean, "
                f"{replaced:.1f} replacements, {wrong:.1f} of them for the worse"
            )


def _year(seed: int, *, step: float, rule: str) -> tuple[float, int, int]:
    """The mean true loss of what is in production, how often it was replaced, and how often for the worse.

    A configuration is a point of the plane, its true loss the squared distance from the optimum; each
    week's search tries 40 points around it.
    """
    random = numpy.random.default_rng(seed)
    optimum = numpy.zeros(2)
    champion = random.normal(size=2)
    losses, replaced, wrong = [], 0, 0
    for _ in range(52):
        optimum = optimum + step * random.normal(size=2)
        points = numpy.vstack([champion, optimum + random.normal(size=(TRIALS, 2))])
        truth = ((points - optimum) ** 2).sum(axis=1)
        search = truth + random.normal(size=TRIALS + 1)
        again = truth[:, None] + random.normal(size=(TRIALS + 1, 5))
        match rule:
            case "never":
                winner = 0
            case "minimum of n":
                winner = int(search.argmin())
            case _:
                winner = _decide(search, again, 5)
        replaced += winner != 0
        wrong += bool(truth[winner] > truth[0])
        champion = points[winner]
        losses.append(truth[winner])
    return float(numpy.mean(losses)), replaced, wrong
