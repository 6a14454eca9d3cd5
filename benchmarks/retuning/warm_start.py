"""What a warm start saves: this week's study beside one that knows nothing of last week's.

`week` runs the studies, `drift` holds last week's problems and this week's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.report import Findings
from benchmarks.retuning.drift import DRIFTS, Drift, drift
from benchmarks.retuning.week import SLOTS, Outcome, outcomes

QUESTION = "How much does a warm start save?"
TARGET = (
    "trials to reach 99 % of what a cold study of 100 trials reaches: at most half of a cold one's in the "
    "median, at most 1.1 times where the old optimum misleads; slot-hours of a warm week with its "
    "confirmation: at most half of a cold one's at equal confirmed loss"
)


@dataclass(frozen=True, slots=True)
class Size:
    """Pairs of problems, seeds of each, and trials of a cold study."""

    drifts: Sequence[str]
    seeds: int
    trials: int


FULL = Size(tuple(DRIFTS), seeds=20, trials=100)
QUICK = Size(("near", "opposite"), seeds=5, trials=100)
TINY = Size(("near",), seeds=1, trials=12)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is a cold start
    """Medians over the seeds for each pair, and over all pairs that mislead or do not."""
    logging.getLogger("airflow_sparktune").setLevel(logging.ERROR)
    pairs = [drift(key) for key in size.drifts]
    found = {
        pair.name: [outcomes(pair, seed, trials=size.trials) for seed in range(size.seeds)] for pair in pairs
    }
    rows = [(pair.name, pair.misleads, *_figures(pair, found[pair.name])) for pair in pairs]
    notes = [
        f"{size.seeds} seeds, {size.trials} trials, {SLOTS} slots; warm, prior: trials to reach the target "
        "beside those of a cold start; week: slot-hours with the confirmation beside those of a cold week; "
        "its loss: the true one beyond a cold week's, as a share of what a cold search gains",
        *_over_all(pairs, found),
    ]

    def draw(axes: Any) -> None:
        names = [row[0] for row in rows]
        axes.barh(names, [row[4] for row in rows])
        axes.axvline(0.5, color="black", linewidth=0.8)
        axes.tick_params(axis="y", labelsize=6)
        axes.set(xlabel="trials of a warm start / trials of a cold one")

    columns = (
        "from last week to this week", "misleads", "cold trials", "warm trials", "warm", "prior",
        "warm week", "its loss", "short cold week", "its loss",
    )  # fmt: skip
    return Findings(columns, rows, draw, notes)


def _figures(pair: Drift, weeks: Sequence[Mapping[str, Outcome]]) -> Iterator[Any]:
    """The figures of a pair's row."""
    yield median(_reached(pair, week, "cold") for week in weeks)
    yield median(_reached(pair, week, "warm") for week in weeks)
    yield median(_saved(pair, week, "warm") for week in weeks)
    yield median(_saved(pair, week, "prior") for week in weeks)
    for way in ("warm week", "short cold week"):
        yield median(_cost(week, way) for week in weeks)
        yield median(_worse(pair, week, way) for week in weeks)


def _over_all(pairs: Sequence[Drift], found: Mapping[str, Sequence[Mapping[str, Outcome]]]) -> Iterator[str]:
    for misleads in (False, True):
        own = [(pair, week) for pair in pairs if pair.misleads is misleads for week in found[pair.name]]
        if not own:
            continue
        name = "the old optimum misleads" if misleads else "the old optimum is better than chance"
        for way in ("warm", "prior"):
            ratios = [_saved(pair, week, way) for pair, week in own]
            yield f"{name}: {way} needs {median(ratios):.2f} of cold's trials in the median of {len(ratios)}"
        for way in ("warm week", "short cold week"):
            worse = [_worse(pair, week, way) for pair, week in own]
            costs = median(_cost(week, way) for _, week in own)
            yield (
                f"{name}: a {way} costs {costs:.2f} of a cold week's slot-hours; its loss is worse by "
                f"{median(worse):.2%} of the gain in the median, by more than 1 % in {_share(worse):.0%}"
            )


def _share(worse: Sequence[float]) -> float:
    return sum(each > 0.01 for each in worse) / len(worse)


def _reached(pair: Drift, week: Mapping[str, Outcome], way: str) -> int:
    """After how many trials a search holds 99 % of what this seed's cold one gains over chance."""
    target = pair.chance - 0.99 * (pair.chance - week["cold"].found[-1])
    found = week[way].found
    return next((number for number, loss in enumerate(found, start=1) if loss <= target), len(found) + 1)


def _saved(pair: Drift, week: Mapping[str, Outcome], way: str) -> float:
    return _reached(pair, week, way) / _reached(pair, week, "cold")


def _cost(week: Mapping[str, Outcome], way: str) -> float:
    return week[way].slot_s / week["cold week"].slot_s


def _worse(pair: Drift, week: Mapping[str, Outcome], way: str) -> float:
    gain = pair.chance - week["cold"].found[-1]
    return (week[way].loss - week["cold week"].loss) / gain if gain > 0 else 0.0
