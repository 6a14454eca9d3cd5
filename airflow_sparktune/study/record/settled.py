"""A study decides once. It is not decided again by another rule, or after more trials.

The rule is fixed before the data are seen: who changes it after a decision, and decides again on the same
repeats, finds an improvement sooner or later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.json_values import texts
from airflow_sparktune.study.stopping import StopRequested, still_ends
from airflow_sparktune.study.study import Study

_RULE = (
    "retuning.incumbent",
    "retuning.on_mismatch",
    "retuning.on_broken",
    "retuning.margin",
    "retuning.guardrails",
    "segment",
)
_LIMITS = (*StopRequested.fields, "limits.max_failures")


def refuse_another_decision(study: Study, spec: Spec) -> None:
    """Raise SpecError if the study has decided, and `spec` asks for what might decide otherwise.

    Limits that would have ended the search as well are the same question. A spec of another identity is
    another study.
    """
    if study.decision is None or study.spec is None or study.spec.changed_identity(spec):
        return
    changed = [*_changed_rule(study.spec, spec), *_changed_limits(study, study.spec, spec)]
    if changed:
        raise SpecError(
            f"a study must decide once, but this one has decided ({study.decision.outcome.value}), and "
            f"{', '.join(changed)}; set it back to get that decision, or start another study for a new one: "
            "clear the task, or name another --study"
        )


def _changed_rule(old: Spec, new: Spec) -> Iterator[str]:
    mine, others = (
        texts({**{name: spec.value(name) for name in _RULE}, "retuning.confirm": asdict(spec.rule.confirm)})
        for spec in (old, new)
    )
    return (
        f"{name} changed from {mine[name]} to {others[name]}" for name in mine if mine[name] != others[name]
    )


def _changed_limits(study: Study, old: Spec, new: Spec) -> Iterator[str]:
    """Return the changed limits with which the search would have gone on."""
    end = study.nominated or study.closed
    if end is None or still_ends(end.reason, old, new, counted=study.finished):
        return
    for name in _LIMITS:
        before, now = old.value(name), new.value(name)
        if before != now:
            yield f"{name} changed from {before} to {now}"
