"""When stopping trials early pays: recorded curves, replayed by our own tuner on a virtual clock.

`trainings` are what `record` keeps in `curves/`, on `tables`; `recorded` reads them, `replay` runs one study,
`studies` many, `verdict` compares them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any

from benchmarks.early_stopping.recorded import CROSSING, PUBLISHED, problem
from benchmarks.early_stopping.replay import Ran
from benchmarks.early_stopping.studies import PRUNERS, Studies, run_all
from benchmarks.early_stopping.verdict import Verdict
from benchmarks.report import Findings, panels

QUESTION = "When does stopping trials early pay?"
TARGET = (
    "half the slot time or less to the loss that the study without pruning holds after half of its trials; "
    "the best configuration pruned in at most 5 % of the studies; where curves cross, a final loss not worse "
    "by more than its noise"
)
Key = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class Size:
    """Studies of so many trials by each sampler on its problems, with each number of slots and each seed."""

    problems: Mapping[str, Sequence[str]]
    slots: Sequence[int]
    trials: int
    seeds: int


# A study by gp takes ten times as long as one by random search.
_SOME = ("boosting_churn", "network_mnist", "vectors_diabetes", "late_crossing")
FULL = Size({"random": PUBLISHED, "gp": _SOME}, (1, 4, 16, 64), trials=100, seeds=20)
QUICK = Size({"random": PUBLISHED}, (1, 16), trials=100, seeds=5)
TINY = Size({"random": ("late_crossing",)}, (2,), trials=12, seeds=2)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is a study without pruning
    """Compare each pruner with no pruning, on the average of the problems whose early losses tell."""
    logging.getLogger("airflow_sparktune").setLevel(logging.ERROR)
    verdicts = _verdicts(size)
    telling = {
        algo: [name for name in names if name not in CROSSING] or names
        for algo, names in size.problems.items()
    }
    rows = [
        (slots, algo, pruner, *_figures([verdicts[name, algo, pruner, slots] for name in names]))
        for slots in size.slots
        for algo, names in telling.items()
        for pruner in PRUNERS
    ]
    columns = (
        "slots", "sampler", "pruner", "slot time", "final loss", "worse by", "standard error", "time to loss",
        "winner pruned",
    )  # fmt: skip
    notes = [
        f"{size.trials} trials, {size.seeds} seeds",
        *(f"{algo}: the average of {', '.join(names)}" for algo, names in telling.items()),
        "slot time: of the study, beside that without pruning. final loss: 0 the best recorded, 1 the "
        "average of random search. time to loss: slot time to the loss that the study without pruning holds "
        "after half of its trials, beside its own; the median, inf for never",
        *_by_problem(size, verdicts),
    ]
    return Findings(columns, rows, _drawing(rows, size), notes)


def _verdicts(size: Size) -> Mapping[Key, Sequence[Verdict]]:
    """Return the verdicts on all studies, one for each seed."""
    keys = [
        (name, algo, pruner, slots)
        for algo, names in size.problems.items()
        for name in names
        for pruner in PRUNERS
        for slots in size.slots
    ]
    ran = run_all([Studies(*key, size.trials, size.seeds) for key in keys])

    def studies(*key: Any) -> list[list[Ran]]:
        return ran[Studies(*key, size.trials, size.seeds)]

    return {
        (name, algo, pruner, slots): [
            Verdict.of(problem(name), study, without)
            for study, without in zip(
                studies(name, algo, pruner, slots), studies(name, algo, "none", slots), strict=True
            )
        ]
        for name, algo, pruner, slots in keys
    }


def _figures(found: Sequence[Sequence[Verdict]]) -> tuple[float, ...]:
    """Return a row of figures from the verdicts on each problem."""
    every = [verdict for verdicts in found for verdict in verdicts]
    worse = [fmean(verdict.worse for verdict in seed) for seed in zip(*found, strict=True)]
    error = stdev(worse) / len(worse) ** 0.5 if len(worse) > 1 else 0.0
    return (
        fmean(each.cost for each in every),
        fmean(each.regret for each in every),
        fmean(worse),
        error,
        median(each.to_loss for each in every),
        fmean(each.winner_pruned for each in every),
    )


def _by_problem(size: Size, verdicts: Mapping[Key, Sequence[Verdict]]) -> Iterator[str]:
    yield f"slot time, worse by, winner pruned, on {', '.join(map(str, size.slots))} slots:"
    for algo, names in size.problems.items():
        for name in names:
            for pruner in PRUNERS[1:]:
                figures = (_figures([verdicts[name, algo, pruner, slots]]) for slots in size.slots)
                texts = (
                    f"{cost:.2f} {worse:+.2f}±{error:.2f} {pruned:.0%}"
                    for cost, _, worse, error, _, pruned in figures
                )
                yield f"{name}, {algo}, {pruner}: {'; '.join(texts)}"


def _drawing(rows: Sequence[tuple[Any, ...]], size: Size) -> Any:
    def draw(axes: Any) -> None:
        drawn = panels(axes, len(size.slots), sharey=True)
        for panel, slots in zip(drawn, size.slots, strict=True):
            for algo, mark in zip(size.problems, "os", strict=False):
                for colour, pruner in enumerate(PRUNERS):
                    cost, regret = next(row[3:5] for row in rows if row[:3] == (slots, algo, pruner))
                    panel.plot(cost, regret, mark, color=f"C{colour}", label=f"{pruner}, {algo}")
            panel.set(title=f"slots: {slots}", xlabel="slot time", xlim=(0, 1.1), ylim=(0, 2))
        drawn[0].set_ylabel("final loss (normalised)")
        drawn[-1].legend(frameon=False, fontsize=6)

    return draw
