"""The strongest peer: gp beside Optuna's GPSampler, a Gaussian process too. It needs torch.

Flat and conditional problems are apart, since GPSampler leaves the parameters of branches to chance.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from statistics import fmean
from typing import Any

from threadpoolctl import threadpool_limits

from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.trial import Trial
from benchmarks.report import Findings
from benchmarks.search import Size, drawing, verdict_of
from benchmarks.search.cells import CONTESTANTS, Cell, in_order, play
from benchmarks.search.problems import PUBLISHED, problem
from benchmarks.search.verdict import Verdict

QUESTION = "Is gp's search better than that of Optuna's GPSampler? Normalised regret: 1 random search"
TARGET = (
    "on flat problems at most 0.8 of GPSampler's regret with 1 slot and 0.7 with 16, at a tenth of the "
    "cost of a suggestion"
)
NEEDS = "torch"

FULL = Size(tuple(PUBLISHED), slots=(1, 16), trials=128, seeds=5)
QUICK = Size(("car", "bbob10", "layers", "noisy_bbob8"), slots=(16,), trials=128, seeds=2)
TINY = Size(("bbob15",), slots=(2,), trials=12, seeds=1)
_US, _PEER = "gp", "GPSampler"
# A suggestion's cost is the mean over so many in a row, so that the share with a fit of gp counts in full.
_ASKS = 20


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is the point
    """Mean regret of both, their ratio, how often gp is better, and the cost of a suggestion."""
    rows: list[tuple[Any, ...]] = []
    notes = ["+- is the standard error over seeds; each p by a two-sided sign test"]
    verdicts: dict[str, Verdict] = {}
    for slots in size.slots:
        for kind, keys in _by_kind(size.problems).items():
            verdict = verdicts[f"{slots} slots, {kind}"] = verdict_of((_US, _PEER), keys, slots, size)
            rows.append((slots, kind, len(keys), *_compared(verdict, size)))
            notes += verdict.by_problem(slots, size.trials)
            notes += (f"{slots} slots, {kind}: {line}" for line in _cost(keys, slots, size.trials))
    columns = (
        "slots", "problems", "how many", "gp", "+-", "GPSampler", "+-", "ratio", "+-",
        "gp better, problems", "p", "studies", "p",
    )  # fmt: skip
    return Findings(columns, rows, drawing(verdicts, (_US, _PEER), size.trials), notes)


def _by_kind(keys: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Flat and conditional problems, as far as there are any."""
    found: dict[str, list[str]] = {}
    for key in keys:
        conditional = any(row.parent for row in sampler_of(problem(key).space, "random").dimensions)
        found.setdefault("conditional" if conditional else "flat", []).append(key)
    return found


def _compared(verdict: Verdict, size: Size) -> tuple[float | None, ...]:
    return (
        *verdict.regret(_US, size.trials),
        *verdict.regret(_PEER, size.trials),
        *(verdict.ratio(_US, _PEER, size.trials) or (None, None)),
        *verdict.wins(_US, _PEER, size.trials),
        *verdict.wins_of_studies(_US, _PEER, size.trials),
    )


def _cost(keys: Sequence[str], slots: int, trials: int) -> Iterator[str]:
    """Lines about the processor time of a suggestion, with all slots but one busy."""
    import torch

    torch.set_num_threads(1)
    with threadpool_limits(1):
        for results in sorted({min(trials, count) for count in (50, 128)}):
            both = [_ms_of_asks(key, results, slots - 1) for key in keys]
            ours, theirs = (fmean(each) for each in zip(*both, strict=True))
            yield (
                f"ms of a suggestion after {results} results: {_US} {ours:.1f}, {_PEER} {theirs:.1f}, "
                f"ratio {ours / theirs:.3f}"
            )


def _ms_of_asks(key: str, results: int, running: int) -> list[float]:
    """The mean milliseconds of each contestant, asked in turns, with one more result each time."""
    known = _studied(key, results + _ASKS)
    samplers = [sampler_of(problem(key).space, CONTESTANTS[who]) for who in (_US, _PEER)]
    chance = sampler_of(problem(key).space, "random")
    for sampler in samplers:
        for number in range(running):
            found = chance.ask(number, seed=number)
            sampler.tell(Trial(number=1_000 + number, params=found.params, point=found.point))
        for trial in known[:results]:
            sampler.tell(trial)
        sampler.ask(results, seed=0)  # warms up: imports, and work done once for the history
    spent = [0.0 for _ in samplers]
    for trial in known[results:]:
        for at, sampler in enumerate(samplers):
            spent[at] += _seconds(sampler, trial)
    return [each / _ASKS * 1000 for each in spent]


@cache
def _studied(key: str, trials: int) -> Sequence[Trial]:
    """The trials of a study of gp, which both get as their history."""
    return in_order(play(Cell(key, _US, 1, trials, 0)).study)


def _seconds(sampler: Sampler, trial: Trial) -> float:
    """Tell a result, and return the processor time of the suggestion that follows."""
    sampler.tell(trial)
    begin = time.process_time()
    sampler.ask(trial.number, seed=trial.number)
    return time.process_time() - begin
