"""How good the search is: the same studies by several algorithms, with our own tuner on a virtual clock.

`cells` runs one study, `problems` holds what is searched, `verdict` compares; `peer` does so with a peer that
needs torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report import Findings, panels
from benchmarks.search.cells import Cell
from benchmarks.search.problems import PUBLISHED
from benchmarks.search.verdict import Verdict, worse_than_random

QUESTION = "How good is the search? Normalised regret: 0 the best known, 1 random search"
TARGET = (
    "gp's regret after 128 trials at most 0.65 of Optuna's with 1 slot, 0.5 with 16, 0.65 with 64; better "
    "than tpe on 80 % of the problems; on none significantly worse than random search"
)


@dataclass(frozen=True, slots=True)
class Size:
    """Studies of so many trials on each problem, with each number of slots and each seed."""

    problems: Sequence[str]
    slots: Sequence[int]
    trials: int
    seeds: int


FULL = Size(tuple(PUBLISHED), slots=(1, 16, 64), trials=128, seeds=20)
QUICK = Size(("car", "bbob10", "layers", "noisy_bbob8"), slots=(16,), trials=128, seeds=2)
TINY = Size(("bbob15",), slots=(2,), trials=12, seeds=1)
CONTESTANTS = ("random", "hyperopt TPE", "tpe", "gp", "Optuna")
_US = "gp"


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peers are the point
    """Mean regret of each contestant, and on how many problems gp is better."""
    rows: list[tuple[Any, ...]] = []
    verdicts: dict[int, Verdict] = {}
    for slots in size.slots:
        verdict = verdicts[slots] = verdict_of(CONTESTANTS, size.problems, slots, size)
        early = size.trials // 4
        for who in CONTESTANTS:
            mean, error = verdict.regret(who, size.trials)
            wins, chance = verdict.wins(_US, who, size.trials) if who != _US else (None, None)
            ratio, its_error = verdict.ratio(_US, who, size.trials) or (None, None)
            rows.append(
                (slots, who, verdict.regret(who, early)[0], mean, error, ratio, its_error, wins, chance,
                 verdict.ask_ms(who))
            )  # fmt: skip
    columns = (
        "slots", "who", f"after {size.trials // 4}", f"after {size.trials}", "standard error",
        "gp's is", "+-", f"gp better, of {len(size.problems)}", "p", "ms per ask",
    )  # fmt: skip
    notes = [
        f"{len(size.problems)} problems, {size.seeds} seeds; the standard error is that over seeds; p by a "
        "two-sided sign test",
        *(
            f"{slots} slots: significantly worse than random search (p < 0.01 after Holm): "
            f"{', '.join(worse_than_random(verdict, _US, size.trials)) or 'no problem'}"
            for slots, verdict in verdicts.items()
        ),
        *(line for slots, verdict in verdicts.items() for line in verdict.by_problem(slots, size.trials)),
    ]
    titled = {f"{slots} slots": verdict for slots, verdict in verdicts.items()}
    return Findings(columns, rows, drawing(titled, CONTESTANTS, size.trials), notes)


def verdict_of(contestants: Sequence[str], problems: Sequence[str], slots: int, size: Size) -> Verdict:
    """The outcomes of contestants on problems, with one number of slots."""
    cells = {
        who: {
            key: [Cell(key, who, slots, size.trials, seed) for seed in range(size.seeds)] for key in problems
        }
        for who in contestants
    }
    return Verdict(cells, size.trials)


def drawing(verdicts: Mapping[str, Verdict], contestants: Sequence[str], trials: int) -> Any:
    """A function that draws regret over finished trials, with a titled panel for each verdict."""

    def draw(axes: Any) -> None:
        drawn = panels(axes, len(verdicts), sharey=True)
        counts = [count for count in (4, 8, 16, 32, 48, 64, 96, 128) if count <= trials]
        for panel, (title, verdict) in zip(drawn, verdicts.items(), strict=True):
            for who in contestants:
                found = [verdict.regret(who, count) for count in counts]
                middle = [mean for mean, _ in found]
                panel.plot(counts, middle, label=who)
                low, high = zip(*((mean - error, mean + error) for mean, error in found), strict=True)
                panel.fill_between(counts, low, high, alpha=0.2)
            panel.set(title=title, xlabel="finished trials", ylim=(0, None))
        drawn[0].set_ylabel("normalised regret")
        drawn[-1].legend(frameon=False, fontsize=8)

    return draw
