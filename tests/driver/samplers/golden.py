"""Record searches with all that a sampler gets and suggests: `python -m tests.driver.samplers.golden`.

In a replay each trial has the recorded point, so that a suggestion which differs changes none after it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hyperopt
from hyperopt.base import Domain

import airflow_sparktune.gp
from airflow_sparktune import space as ours
from airflow_sparktune.driver.loop.supply import trial_seed
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Recommendation, Sampler, Suggestion
from airflow_sparktune.study.trial import Trial, TrialState
from tests.driver import user_spaces

FILE = Path(__file__).parents[2] / "golden" / "suggestions.json"
SPACES: Mapping[str, Any] = {
    "flat": {
        "x": ours.uniform(-5, 5),
        "lr": ours.loguniform(1e-4, 1.0),
        "depth": ours.uniformint(1, 12),
        "many": ours.randint(0, 1_000),
        "few": ours.randint(2, 9),
    },
    "conditional": {
        "x": ours.uniform(0, 1),
        "model": ours.choice(
            [
                {"kind": "svm", "C": ours.loguniform(1e-3, 1e3)},
                {
                    "kind": "boost",
                    "rate": ours.uniform(0, 1),
                    "drop": ours.choice([None, ours.uniform(0, 1)]),
                },
                "none",
            ]
        ),
        "b": ours.choice(["yes", "no"]),
    },
    "weighted": {
        "w": ours.pchoice([(0.0, "never"), (0.25, {"u": ours.uniform(0, 3)}), (0.75, "often")]),
        "p": ours.pchoice([(0.1, 1), (0.6, 2), (0.3, 3)]),
        "a": ours.uniform(0, 1),
    },
    "quantized": {
        "u": ours.quniform(0.1, 10, 0.3),
        "l": ours.qloguniform(2, 64, 2),
        "n": ours.qnormal(0, 5, 2),
        "b": ours.qlognormal(0, 1, 1),
        "d": ours.uniformint(1, 5),
    },
    "normal": {"n": ours.normal(3, 2), "l": ours.lognormal(0, 1), "a": ours.uniform(-1, 1)},
    "ways": "tests.driver.user_spaces:WAYS",
    "stuck": {"c": ours.choice(["r", {"y": ours.uniform(0, 1)}]), "x": ours.uniform(0, 1)},  # losses rise
}
# Searches: algorithm, space, number of suggestions.
SEARCHES: Sequence[tuple[str, str, int]] = (
    ("gp", "flat", 56),
    ("gp", "stuck", 60),
    *(("gp", space, 28) for space in SPACES if space not in ("flat", "stuck")),
    ("auto", "conditional", 12),
    ("fmin", "ways", 24),
    ("tpe", "conditional", 16),
    ("tpe", "quantized", 16),
    ("anneal", "weighted", 12),
    *(("random", space, 4) for space in SPACES),
    # Where a label has several ways, Optuna may go on differently after a resume: here from the 14th on.
    *(("optuna:TPESampler(n_startup_trials=5)", space, 13 if space == "ways" else 14) for space in SPACES),
    ("optuna:TPESampler(multivariate=True, n_startup_trials=5)", "conditional", 14),
)
_SLOTS, _BEGAN = 4, 1_000.0
_STATES = [TrialState.OK] * 10 + [TrialState.FAILED, TrialState.PRUNED]


@dataclass(frozen=True, slots=True)
class Asked:
    """The suggestion for a trial, and the trials that ended before the next one was asked for."""

    point: Mapping[str, float]
    by: str | None
    ended: Sequence[tuple[int, str, float | None]]


def search_of(algo: str, space: str) -> Sampler:
    """Return the sampler of a search; `fmin` is the suggest function for hyperopt's own fmin."""
    if algo == "fmin":
        return FminSampler(user_spaces.WAYS)
    return sampler_of(SPACES[space], algo)


class FminSampler:
    """Asks `airflow_sparktune.gp.suggest` as fmin does, with documents of hyperopt's form."""

    dimensions = ()

    def __init__(self, space: Any) -> None:
        self._domain = Domain(None, space)
        self._trials = hyperopt.Trials()

    def ask(self, number: int, *, seed: int) -> Suggestion:
        self._trials.refresh()
        (doc,) = airflow_sparktune.gp.suggest([number], self._domain, self._trials, seed)
        point = {label: values[0] for label, values in doc["misc"]["vals"].items() if values}
        return Suggestion(point, None, by=doc["misc"]["suggested_by"])

    def tell(self, trial: Trial) -> None:
        labels = list(self._domain.params)
        vals = {label: [trial.point[label]] if label in trial.point else [] for label in labels}
        idxs = {label: [trial.number] * len(values) for label, values in vals.items()}
        misc = {"tid": trial.number, "cmd": self._domain.cmd, "idxs": idxs, "vals": vals}
        (doc,) = self._trials.new_trial_docs([trial.number], [None], [{"status": "new"}], [misc])
        doc["state"] = hyperopt.JOB_STATE_RUNNING
        doc["refresh_time"] = _moment(trial.start)
        if trial.state is not TrialState.RUNNING:
            doc["state"] = hyperopt.JOB_STATE_DONE
            doc["refresh_time"] = _moment(trial.end)
            ok = trial.state is TrialState.OK
            doc["result"] = {"status": "ok", "loss": trial.loss} if ok else {"status": "fail"}
        docs = [each for each in self._trials._dynamic_trials if each["tid"] != trial.number]
        self._trials._dynamic_trials = sorted([*docs, doc], key=lambda each: int(each["tid"]))

    def given(self, params: Any) -> Suggestion:
        raise NotImplementedError

    def recommend(self) -> None:
        return None


def _moment(seconds: float | None) -> datetime:
    return datetime.fromtimestamp(seconds or 0.0, UTC)


def record(algo: str, space: str, asks: int) -> Iterator[Asked]:
    """Yield the suggestions of a search on several slots, whose trials end out of order."""
    sampler, chance = search_of(algo, space), random.Random(f"{algo}, {space}")
    running: list[Trial] = []
    now = _BEGAN
    for number in range(asks):
        found = sampler.ask(number, seed=seed_of(number))
        running.append(started(number, found.point, now))
        sampler.tell(running[-1])
        ended = []
        while len(running) >= _SLOTS or (running and chance.random() < 0.2):
            trial = running.pop(int(chance.random() * len(running)))
            state = _STATES[int(chance.random() * len(_STATES))]
            drift = 0.1 * number if space == "stuck" else 0.0
            measured = None if state is TrialState.FAILED else drift + loss_of(trial.point, chance)
            loss = measured if state is TrialState.OK else None
            now += 1.0
            sampler.tell(trial.ended(state, end=now, loss=loss))
            ended.append((trial.number, state.value, loss))
        yield Asked(dict(found.point), found.by, ended)


def loss_of(point: Mapping[str, float], chance: random.Random) -> float:
    """Return a noisy loss; a category counts as its code."""
    off = sum((value / (1 + abs(value)) - 0.3 - 0.1 * at) ** 2 for at, value in enumerate(point.values()))
    return float(off + 0.2 * (chance.random() - 0.5))


def seed_of(number: int) -> int:
    return trial_seed(11, number)


def started(number: int, point: Mapping[str, float], now: float) -> Trial:
    return Trial(number=number, params=None, point=dict(point), start=now)


def replay(
    sampler: Sampler, asked: Sequence[Asked]
) -> Iterator[tuple[int, Suggestion, Asked, Mapping[int, Trial]]]:
    """Ask a sampler as it was asked; yield number, suggestion, recorded one, and all trials before it."""
    now, trials = _BEGAN, dict[int, Trial]()
    for number, each in enumerate(asked):
        yield number, sampler.ask(number, seed=seed_of(number)), each, trials
        trials[number] = started(number, each.point, now)
        sampler.tell(trials[number])
        for ended, state, loss in each.ended:
            now += 1.0
            # Pops the trial, so that ended trials are last, in the order of their ends.
            trials[ended] = trials.pop(ended).ended(TrialState(state), end=now, loss=loss)
            sampler.tell(trials[ended])


def resumed(sampler: Sampler, trials: Mapping[int, Trial]) -> Sampler:
    """Tell a new sampler the trials that a journal holds: those that ended in this order, then the others."""
    for trial in sorted(trials.values(), key=lambda trial: (trial.end is None, trial.end, trial.number)):
        sampler.tell(trial)
    return sampler


def recommendation(sampler: Sampler) -> Mapping[str, Any] | None:
    found: Recommendation | None = sampler.recommend()
    return None if found is None else asdict(found)


def main() -> None:
    """Write the file of all searches, one suggestion a line."""
    searches = []
    for algo, space, asks in SEARCHES:
        asked = list(record(algo, space, asks))
        sampler = search_of(algo, space)
        for _ in replay(sampler, asked):
            pass
        head = json.dumps({"algo": algo, "space": space, "recommended": recommendation(sampler)})
        lines = [json.dumps([each.point, each.by, each.ended]) for each in asked]
        searches.append(f'{head[:-1]}, "asked": [\n' + ",\n".join(lines) + "\n]}")
    FILE.write_text("[\n" + ",\n".join(searches) + "\n]\n")


if __name__ == "__main__":
    main()
