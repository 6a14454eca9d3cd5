"""Describe a decision in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.formatting import with_error
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.retuning.decision import Measured, Standing, closest

# What a reason says where differences were compared without a test.
NO_NOISE = "no noise was measured"


def replaced_reason(winner: Measured, *, noise: bool) -> str:
    """Return why the incumbent is replaced."""
    return f"trial {winner.number} is {_difference(winner, noise=noise)}"


def kept_reason(rule: DecisionRule, candidates: Sequence[Measured], *, noise: bool) -> str:
    """Return why the incumbent is kept: what the closest candidate lacks."""
    if not candidates:
        return "no other configuration succeeded"
    if any(item.standing is Standing.UNFINISHED for item in candidates):
        done = sum(item.n for item in candidates)
        return (
            f"the timeout cut the confirmation off after {done} repeats of {len(candidates)} candidates; "
            "the next run needs a longer timeout or a larger retuning.confirm.timeout_share"
        )
    best = closest(candidates)
    if best is None:
        return "every candidate failed in its repeats"
    sentence = f"the best challenger, trial {best.number}, is {_difference(best, noise=noise)}"
    if best.standing is Standing.GUARDRAIL:
        return f"{sentence}, but {best.why}"
    if (best.difference or 0.0) <= 0:
        return sentence
    if not noise:
        return f"{sentence}: no more than the margin of {rule.margin.to_json()}"
    margin = f" beyond the margin of {rule.margin.to_json()}" if rule.margin.amount else ""
    return f"{sentence}: too little to be sure{margin}"


def first_reason(winner: Measured, metric: Metric, *, why: str | None, unfinished: bool, noise: bool) -> str:
    """Return why a configuration was chosen without an incumbent to compare with."""
    because = why or "there was no champion yet"
    if unfinished:
        sentence = "is the best of the search; the timeout cut the confirmation off"
        return f"{because}; trial {winner.number} {sentence}"
    if winner.mean is None:
        return f"{because}; trial {winner.number} is the best of the search"
    mean = with_error(metric.shown(winner.mean), winner.std_error)
    sentence = f"{because}; trial {winner.number} has the best mean {metric.name}, {mean}"
    return sentence if noise else f"{sentence} ({NO_NOISE})"


def _difference(item: Measured, *, noise: bool) -> str:
    gain = item.difference or 0.0
    evidence = f"({item.pairs} pairs)" if noise else f"({item.pairs} pairs, {NO_NOISE})"
    if not gain and not item.difference_error:
        return f"as good as the incumbent {evidence}"
    word = "better" if gain >= 0 else "worse"
    return f"{word} by {with_error(abs(gain), item.difference_error)} {evidence}"
