"""Compares contestants: mean regret, wins and their chance, and where one is worse than random search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, variance

from benchmarks.search.cells import Cell, regret

# By contestant and problem: a cell for each seed.
Cells = Mapping[str, Mapping[str, Sequence[Cell]]]
_WORSE = 0.01


class Verdict:
    """The outcomes of the contestants with one number of slots."""

    def __init__(self, cells: Cells, trials: int) -> None:
        self._cells = cells
        self._trials = trials

    def problems(self) -> Sequence[str]:
        return list(next(iter(self._cells.values())))

    def regrets(self, who: str, key: str, after: int) -> list[float]:
        """Of each seed."""
        return [regret(cell, after) for cell in self._cells[who][key]]

    def regret(self, who: str, after: int) -> tuple[float, float]:
        """The mean over problems and seeds, and its standard error over seeds."""
        return _mean([self.regrets(who, key, after) for key in self.problems()])

    def ratio(self, us: str, who: str, after: int) -> tuple[float, float] | None:
        """Our mean regret by theirs, and its standard error over seeds, which are pairs."""
        unit = self.regret(who, after)[0]
        if us == who or not unit:
            return None
        found = self.regret(us, after)[0] / unit
        # To first order, each pair moves the ratio by this much.
        moved = [
            [(ours - found * theirs) / unit for ours, theirs in self._pairs(us, who, key, after)]
            for key in self.problems()
        ]
        return found, _mean(moved)[1]

    def wins(self, us: str, who: str, after: int) -> tuple[float, float]:
        """On how many problems our mean regret is lower, and how likely that is by chance. A tie is half."""
        return _counted(
            (fmean(self.regrets(us, key, after)), fmean(self.regrets(who, key, after)))
            for key in self.problems()
        )

    def wins_of_studies(self, us: str, who: str, after: int) -> tuple[float, float]:
        """The same over single studies, those with one problem and seed being a pair."""
        return _counted(pair for key in self.problems() for pair in self._pairs(us, who, key, after))

    def _pairs(self, us: str, who: str, key: str, after: int) -> Iterator[tuple[float, float]]:
        """Our regret and theirs on a problem, of each seed."""
        return zip(self.regrets(us, key, after), self.regrets(who, key, after), strict=True)

    def ask_ms(self, who: str) -> float:
        """Milliseconds of an ask, on the average of all."""
        asks = [cell.outcome().ask_s for each in self._cells[who].values() for cell in each]
        return fmean(asks) / self._trials * 1000

    def by_problem(self, slots: int, after: int) -> Iterator[str]:
        """A line for each problem with the mean regret of each contestant."""
        for key in self.problems():
            means = (f"{who} {fmean(self.regrets(who, key, after)):.3f}" for who in self._cells)
            yield f"{slots} slots, {key}: {', '.join(means)}"


def _mean(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The mean of the problems' means over seeds, and its standard error; 0 with a single seed."""
    spread = sum(variance(group) / len(group) for group in groups if len(group) > 1)
    return fmean(fmean(group) for group in groups), math.sqrt(spread) / len(groups)


def _counted(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return how often ours, the first, is lower, with half of the ties, and the chance by a sign test."""
    differences = [ours - theirs for ours, theirs in pairs]
    wins, losses = sum(each < 0 for each in differences), sum(each > 0 for each in differences)
    return wins + (len(differences) - wins - losses) / 2, sign_test(wins, losses)


def worse_than_random(verdict: Verdict, us: str, after: int) -> list[str]:
    """The problems on which we are worse, by paired one-sided t-tests with Holm's correction."""
    from scipy.stats import ttest_rel

    found = []
    for key in verdict.problems():
        ours, theirs = verdict.regrets(us, key, after), verdict.regrets("random", key, after)
        differ = len(ours) > 1 and any(a != b for a, b in zip(ours, theirs, strict=True))
        found.append((float(ttest_rel(ours, theirs, alternative="greater").pvalue) if differ else 1.0, key))
    worse = []
    for left, (chance, key) in zip(range(len(found), 0, -1), sorted(found), strict=True):
        if math.isnan(chance) or chance * left >= _WORSE:
            break
        worse.append(key)
    return worse


def sign_test(wins: int, losses: int) -> float:
    """The two-sided chance of a split at least this uneven, were both equally likely.

    >>> round(sign_test(9, 1), 4), sign_test(0, 0)
    (0.0215, 1.0)
    """
    count, most = wins + losses, max(wins, losses)
    tail = sum(math.comb(count, each) for each in range(most, count + 1)) / 2**count
    return min(1.0, 2 * tail)
