"""How good the search is: the same studies by several algorithms, with our own tuner on a virtual clock.

`cells` runs one study, `problems` holds what is searched, `verdict` compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report import Findings, panels
from benchmarks.search.cells import CONTESTANTS, Cell
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
_US = "gp"


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peers are the point
    """Mean regret of each contestant, and on how many problems gp is better."""
    rows: list[tuple[Any, ...]] = []
    verdicts: dict[int, Verdict] = {}
    for slots in size.slots:
        cells = {
            who: {
                key: [Cell(key, who, slots, size.trials, seed) for seed in range(size.seeds)]
                for key in size.problems
            }
            for who in CONTESTANTS
        }
        verdict = verdicts[slots] = Verdict(cells, size.trials)
        early = size.trials // 4
        for who in CONTESTANTS:
            mean, error = verdict.regret(who, size.trials)
            wins, chance = verdict.wins(_US, who, size.trials) if who != _US else (None, None)
            rows.append(
                (slots, who, verdict.regret(who, early)[0], mean, error, verdict.ratio(_US, who, size.trials),
                 wins, chance, verdict.ask_ms(who))
            )  # fmt: skip
    columns = (
        "slots", "who", f"after {size.trials // 4}", f"after {size.trials}", "standard error",
        "gp's is", f"gp better, of {len(size.problems)}", "p", "ms per ask",
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
    return Findings(columns, rows, _drawing(verdicts, size.trials), notes)


def _drawing(verdicts: dict[int, Verdict], trials: int) -> Any:
    def draw(axes: Any) -> None:
        drawn = panels(axes, len(verdicts), sharey=True)
        counts = [count for count in (4, 8, 16, 32, 48, 64, 96, 128) if count <= trials]
        for panel, (slots, verdict) in zip(drawn, verdicts.items(), strict=True):
            for who in CONTESTANTS:
                found = [verdict.regret(who, count) for count in counts]
                middle = [mean for mean, _ in found]
                panel.plot(counts, middle, label=who)
                low, high = zip(*((mean - error, mean + error) for mean, error in found), strict=True)
                panel.fill_between(counts, low, high, alpha=0.2)
            panel.set(title=f"{slots} slots", xlabel="finished trials", ylim=(0, None))
        drawn[0].set_ylabel("normalised regret")
        drawn[-1].legend(frameon=False, fontsize=8)

    return draw
