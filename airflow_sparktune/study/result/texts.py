"""The result of a study in words, as the log, the shell and the page show it."""

from __future__ import annotations

from functools import partial

from airflow_sparktune.study.formatting import number, params, state_text
from airflow_sparktune.study.result.summary import Summary
from airflow_sparktune.study.trial import TrialState


def texts(found: Summary, *, state: str = "running") -> dict[str, str]:
    """Return the result as people read it, by name, rounded; `state` describes a study without an end."""
    counts = ((state_text(TrialState(name)), count) for name, count in found.counts.items() if count)
    trials = ", ".join(f"{count} {name}" for name, count in counts)
    name = found.metric.name
    lines = {
        "trials": (trials or "none") + (f", and {found.repeats} repeats" if found.repeats else ""),
        "state" if found.end is None else "ended": found.end or state,
        "decision": found.decision.text if found.decision else None,
        "cost": _cost(found),
        f"best {name}": best_text(found) or "none",
        f"{found.metric.extreme} {name}": _lowest_text(found),
        "best params": "none" if found.best_params is None else params(found.best_params),
    }
    return {line: text for line, text in lines.items() if text is not None}


def best_text(found: Summary) -> str | None:
    """Return the best loss, its trial and what is known of its noise in one line; None without a result.

    Example: "0.0342 (trial 57 after 95.3 s; expected, single trials vary by ± 0.004)".
    """
    if found.best_number is None and found.decision is None:
        return None
    shown = found.metric.shown(found.best_loss)
    facts = "; ".join(best_facts(found))
    return ("not measured" if shown is None else number(shown)) + (f" ({facts})" if facts else "")


def best_facts(found: Summary) -> list[str]:
    """Return what to know about the best loss: its trial, when that ended, and how it was measured."""
    decision, facts = found.decision, []
    if found.best_number is not None:
        after = "" if found.best_after_s is None else f" after {number(found.best_after_s)} s"
        facts.append(f"trial {found.best_number}{after}")
    if decision is not None and decision.measured is not None and decision.measured.n:
        facts.append(f"confirmed by {decision.measured.n} repeats")
    if found.noise is not None:
        facts.append(f"expected, single trials vary by ± {number(found.noise, digits=2)}")
    return facts


def _lowest_text(found: Summary) -> str | None:
    """Return the lowest loss of the search; None if it is the best loss."""
    if found.lowest_loss is None or found.lowest_loss == found.best_loss:
        return None
    where = "in the search" if found.lowest_within else "beyond a guardrail"
    return f"{number(found.metric.shown(found.lowest_loss))} (trial {found.lowest_number}, {where})"


def _cost(found: Summary) -> str | None:
    """Return the cost of the slots in one line; None if it is too small to matter."""
    if found.reserved_slot_hours < 0.005:
        return None
    used = saved = ""
    hours = partial(number, digits=3)
    if found.used_slot_hours is not None:
        share = f"{100 * (found.utilisation or 0):.0f} %"
        used = f", {hours(found.used_slot_hours)} used by trials ({share})"
    if found.saved_slot_hours:
        saved = f"; about {hours(found.saved_slot_hours)} saved by pruning"
    last = f"{hours(found.last_improvement_slot_hours)} for the last improvement"
    return f"{hours(found.reserved_slot_hours)} slot-hours reserved{used}; {last}{saved}"
