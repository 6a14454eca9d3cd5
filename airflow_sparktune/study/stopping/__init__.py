"""Rules that end a study. Each class owns its reason, its label and the spec fields that it depends on.

To add a rule, write its class in a file of this folder and list it in `RULES`; CONTRIBUTING lists the other
places.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.stopping.base import Rule, StopReason
from airflow_sparktune.study.stopping.budget import SlotHours
from airflow_sparktune.study.stopping.converged import Converged, left_to_gain
from airflow_sparktune.study.stopping.counts import FirstFailures, MaxEvals, MaxFailures
from airflow_sparktune.study.stopping.early import EarlyStop, EndOfSuggestions
from airflow_sparktune.study.stopping.losses import LossThreshold, NoProgress
from airflow_sparktune.study.stopping.requested import StopRequested
from airflow_sparktune.study.stopping.timeout import Timeout

__all__ = [
    "RULES",
    "Converged",
    "EarlyStop",
    "EndOfSuggestions",
    "FirstFailures",
    "NoProgress",
    "Rule",
    "SlotHours",
    "StopReason",
    "StopRequested",
    "Timeout",
    "label",
    "left_to_gain",
    "rules_of",
    "still_ends",
]

# In the order of evaluation: if several are reached at once, the first gives the reason.
RULES: tuple[type[Rule], ...] = (
    LossThreshold,
    MaxEvals,
    MaxFailures,
    NoProgress,
    Converged,
    Timeout,
    SlotHours,
    FirstFailures,
)

_ALL: tuple[type[Rule], ...] = (*RULES, EndOfSuggestions, StopRequested)
_BY_REASON: Mapping[StopReason, type[Rule]] = {rule.reason: rule for rule in _ALL}


def rules_of(spec: Spec) -> list[Rule]:
    """Return the rules that a spec asks for, in the order of evaluation."""
    rules = [rule for each in RULES if (rule := each.of(spec)) is not None]
    guards = Guards(spec.rule)
    for rule in rules:
        rule.guards = guards
    return rules


def label(reason: StopReason, spec: Spec) -> str:
    """Return a reason in words, for the log, the shell and the page."""
    rule = _BY_REASON.get(reason)
    return "killed" if rule is None else rule.label(spec)


def still_ends(reason: StopReason, old: Spec, new: Spec, *, counted: int) -> bool:
    """Return whether a study of `counted` trials that ended under `old` would also end under `new`."""
    rule = _BY_REASON.get(reason)
    return rule is not None and rule.still_ends(old, new, counted=counted)
