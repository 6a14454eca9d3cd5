"""What a warm start saves: this week's study beside one that knows nothing of last week's.

`week` runs the studies, `drift` holds last week's problems and this week's, `prior` another way to use them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.report import Findings, trials_to
from benchmarks.retuning.drift import DRIFTS, Drift, drift
from benchmarks.retuning.week import SLOTS, Outcome, outcomes

QUESTION = "How much does a warm start save?"
TARGET = (
    "trials to reach 99 % of what a cold study of 100 trials reaches: at most half of a cold one's in the "
    "median, at most 1.1 times where the old optimum misleads; slot-hours of a warm week with its "
    "confirmation: at most half of a cold one's at equal confirmed loss"
)

Week = Mapping[str, Outcome]


@dataclass(frozen=True, slots=True)
class Size:
    """Pairs of problems, seeds of each, trials of a cold study, and the search algorithm of all studies."""

    drifts: Sequence[str]
    seeds: int
    trials: int
    algo: str = "auto"


FULL = Size(tuple(DRIFTS), seeds=20, trials=100)
QUICK = Size(("near", "opposite"), seeds=5, trials=100)
TINY = Size(("near",), seeds=1, trials=12)
# What is reached is counted as a share of a cold study's gain over chance: last week's best is often near the
# goal at once, and far from it in the last percent.
SHARES = (0.95, 0.99)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is a cold start
    """Medians over the seeds for each pair, and over all pairs that mislead or do not."""
    logging.getLogger("airflow_sparktune").setLevel(logging.ERROR)
    pairs = [drift(key) for key in size.drifts]
    found: dict[str, list[Week]] = {pair.name: [] for pair in pairs}
    for seed in range(
        size.seeds
    ):  # all pairs of a seed before the next: a run that is stopped is a smaller one
        for pair in pairs:
            found[pair.name].append(outcomes(pair, seed, trials=size.trials, algo=size.algo))
    rows = [(pair.name, pair.misleads, *_figures(pair, found[pair.name])) for pair in pairs]
    notes = [
        f"{size.algo}, {size.seeds} seeds, {size.trials} trials, {SLOTS} slots",
        "cold: trials to a share of the gain; warm, prior: the same beside those of a cold start; week: "
        "slot-hours with the confirmation beside those of a cold week; its loss: the true one beyond a cold "
        "week's, as a share of the gain",
        *_over_all(pairs, found),
    ]

    def draw(axes: Any) -> None:
        axes.barh([row[0] for row in rows], [row[5] for row in rows])
        axes.axvline(0.5, color="black", linewidth=0.8)
        axes.tick_params(axis="y", labelsize=6)
        axes.set(xlabel="trials of a warm start / trials of a cold one, to 99 % of the gain")

    columns = (
        "from last week to this week", "misleads", "cold, 95 %", "warm, 95 %", "cold, 99 %", "warm, 99 %",
        "prior, 99 %", "warm week", "its loss", "short cold week", "its loss",
    )  # fmt: skip
    return Findings(columns, rows, draw, notes)


def _figures(pair: Drift, weeks: Sequence[Week]) -> Iterator[Any]:
    """The figures of a pair's row."""
    for share in SHARES:
        yield float(median(_reached(pair, week, "cold", share) for week in weeks))
        yield median(_saved(pair, week, "warm", share) for week in weeks)
    yield median(_saved(pair, week, "prior", SHARES[-1]) for week in weeks if "prior" in week)
    for way in ("warm week", "short cold week"):
        yield median(_cost(week, way) for week in weeks)
        yield median(_worse(pair, week, way) for week in weeks)


def _over_all(pairs: Sequence[Drift], found: Mapping[str, Sequence[Week]]) -> Iterator[str]:
    for misleads in (False, True):
        own = [(pair, week) for pair in pairs if pair.misleads is misleads for week in found[pair.name]]
        if not own:
            continue
        name = "the old optimum misleads" if misleads else "the old optimum is better than chance"
        for way in ("warm", "prior"):
            for share in SHARES:
                ratios = [_saved(pair, week, way, share) for pair, week in own if way in week]
                yield (
                    f"{name}: {way} needs {median(ratios):.2f} of cold's trials to {share:.0%} of the gain, "
                    f"in the median of {len(ratios)}"
                )
        for way in ("warm week", "short cold week"):
            worse = [_worse(pair, week, way) for pair, week in own]
            costs = median(_cost(week, way) for _, week in own)
            yield (
                f"{name}: a {way} costs {costs:.2f} of a cold week's slot-hours; its loss is worse by "
                f"{median(worse):.2%} of the gain in the median, more than 1 % in {_above(worse, 0.01):.0%}"
            )


def _above(values: Sequence[float], bound: float) -> float:
    return sum(each > bound for each in values) / len(values)


def _reached(pair: Drift, week: Week, way: str, share: float) -> int:
    """After how many trials a search holds a share of what this seed's cold one gains over chance."""
    target = pair.chance - share * (pair.chance - week["cold"].found[-1])
    return trials_to(target, week[way].found)


def _saved(pair: Drift, week: Week, way: str, share: float) -> float:
    return _reached(pair, week, way, share) / _reached(pair, week, "cold", share)


def _cost(week: Week, way: str) -> float:
    return week[way].slot_s / week["cold week"].slot_s


def _worse(pair: Drift, week: Week, way: str) -> float:
    gain = pair.chance - week["cold"].found[-1]
    return (week[way].loss - week["cold week"].loss) / gain if gain > 0 else 0.0
