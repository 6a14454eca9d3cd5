"""Compares contestants: mean regret, wins and their chance, and where one is worse than random search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, stdev

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
        by_seed = self._by_seed(who, after)
        return fmean(by_seed), _error(by_seed)

    def ratio(self, us: str, who: str, after: int) -> tuple[float, float] | None:
        """Our mean regret by theirs, and its standard error over seeds, which are pairs."""
        ours, theirs = self._by_seed(us, after), self._by_seed(who, after)
        unit = fmean(theirs)
        if us == who or not unit:
            return None
        found = fmean(ours) / unit
        # To first order, the ratio moves by this much with each seed.
        return found, _error([(a - found * b) / unit for a, b in zip(ours, theirs, strict=True)])

    def wins(self, us: str, who: str, after: int) -> tuple[float, float]:
        """On how many problems our mean regret is lower, and how likely that is by chance. A tie is half."""
        return _counted(
            (fmean(self.regrets(us, key, after)), fmean(self.regrets(who, key, after)))
            for key in self.problems()
        )

    def wins_of_studies(self, us: str, who: str, after: int) -> tuple[float, float]:
        """The same over single studies, those with one problem and seed being a pair."""
        return _counted(
            pair
            for key in self.problems()
            for pair in zip(self.regrets(us, key, after), self.regrets(who, key, after), strict=True)
        )

    def _by_seed(self, who: str, after: int) -> list[float]:
        """The mean regret over the problems, of each seed."""
        return [
            fmean(each)
            for each in zip(*(self.regrets(who, key, after) for key in self.problems()), strict=True)
        ]

    def ask_ms(self, who: str) -> float:
        """Milliseconds of an ask, on the average of all."""
        asks = [cell.outcome().ask_s for each in self._cells[who].values() for cell in each]
        return fmean(asks) / self._trials * 1000

    def by_problem(self, slots: int, after: int) -> Iterator[str]:
        """A line for each problem with the mean regret of each contestant."""
        for key in self.problems():
            means = (f"{who} {fmean(self.regrets(who, key, after)):.3f}" for who in self._cells)
            yield f"{slots} slots, {key}: {', '.join(means)}"


def _error(values: Sequence[float]) -> float:
    """The standard error of a mean; 0 for a single value."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _counted(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """How often ours, the first, is lower, with half of the ties, and the chance by a sign test."""
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
