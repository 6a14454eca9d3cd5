"""A summary of failed trials: one line for each kind of failure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sparktune.study.formatting import number
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

_CLASS = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Warning|Interrupt|Iteration)\b")
_MOST_LINES = 5
# With fewer failures of a kind, a parameter would often separate them by chance.
_FEWEST = 3
_WORDS = {
    FailureKind.NONSENSE: "returned no finite number",
    FailureKind.TIMEOUT: "ran longer than trial_timeout",
    FailureKind.LOST: "lost their worker",
}


def failure_digest(trials: Sequence[Trial], dimensions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each kind of failure, most frequent first.

    An example is "6 failed, all with depth > 9: ValueError".
    """
    by_kind: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.state is TrialState.FAILED:
            by_kind[_kind(trial.error)].append(trial)
    done = [trial for trial in trials if trial.state in (TrialState.OK, TrialState.PRUNED)]
    lines = []
    for kind, failed in sorted(by_kind.items(), key=lambda item: -len(item[1]))[:_MOST_LINES]:
        cause = _cause(failed, done, dimensions) if len(failed) >= _FEWEST and done else None
        lines.append(f"{len(failed)} failed{f', all with {cause}' if cause else ''}: {kind}")
    return lines


def _kind(error: Failure | None) -> str:
    if error is None:
        return "no reason recorded"
    if error.kind in _WORDS:
        return _WORDS[error.kind]
    found = _CLASS.match(error.message)
    return found[0] if found else error.headline[:80]


def _cause(
    failed: Sequence[Trial], done: Sequence[Trial], dimensions: Sequence[Mapping[str, Any]]
) -> str | None:
    """Return a condition on one parameter that all of `failed` meet and none of `done`, or None."""
    for dimension in dimensions:
        label, path = str(dimension["label"]), dimension["path"]
        bad = _values(failed, label)
        if len(bad) < len(failed):
            continue
        good = _values(done, label)
        options = dimension.get("options")
        if options is not None:
            if len(set(bad)) == 1 and bad[0] not in good and isinstance(options, list):
                return f"{path} = {options[int(bad[0])]}"
        elif not good:
            return f"an active {path}"
        elif min(bad) > max(good):
            return f"{path} > {number(max(good))}"
        elif max(bad) < min(good):
            return f"{path} < {number(min(good))}"
    return None


def _values(trials: Sequence[Trial], label: str) -> list[float]:
    """Return the values of a parameter in the trials in which it was active."""
    return [value for trial in trials if isinstance(value := trial.point.get(label), (int, float))]
