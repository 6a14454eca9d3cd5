"""What a study came to: the summary that goes to XCom, to the shell and to the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState


def iso(seconds: float | None) -> str | None:
    """Seconds since 1970 as UTC text.

    >>> iso(0.5)
    '1970-01-01T00:00:00.500+00:00'
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def counts(study: Study) -> dict[str, int]:
    """How many trials are in each state."""
    found = {state.value: 0 for state in TrialState}
    for trial in study.trials.values():
        found[trial.state.value] += 1
    return found


def summary(study: Study) -> dict[str, Any]:
    """The study in a few plain JSON values: counts, the best, why it stopped, where it came from.

    `timing` is where the driver's seconds went: asking the sampler, waiting for slots, writing the journal;
    `trials_s` is the sum of the trials' own time, `utilisation` its share of slots x elapsed time.
    """
    spec, best, closed = study.spec, study.best, study.closed
    trials_s = sum(
        trial.end - trial.start
        for trial in study.trials.values()
        if trial.start is not None and trial.end is not None
    )
    room_s = (study.slots or 0) * study.elapsed_s
    return {
        "objective": spec.objective if spec else None,
        "algo": spec.algo if spec else None,
        "max_evals": spec.max_evals if spec else None,
        "seed": study.seed,
        "trials": len(study.trials),
        "counts": counts(study),
        "best_number": best.number if best else None,
        "best_loss": best.loss if best else None,
        "best_params": best.params if best else None,
        "best_point": dict(best.point) if best else None,
        "stop_reason": closed.reason.value if closed else None,
        "error": dict(closed.error) if closed and closed.error else None,
        "attempts": len(study.attempts),
        "slots": study.slots,
        "started": iso(study.attempts[0].opened) if study.attempts else None,
        "ended": iso(closed.at) if closed else None,
        "elapsed_s": round(study.elapsed_s, 3),
        "trials_s": round(trials_s, 3),
        "utilisation": round(min(trials_s / room_s, 1.0), 4) if room_s else None,
        "timing": dict(closed.timing) if closed and closed.timing else None,
        "code": spec.code if spec else None,
        "versions": dict(study.versions),
    }


def trial_row(trial: Trial) -> dict[str, Any]:
    """A trial as `sparktune show --json` prints it; times are UTC text, durations seconds."""
    return {
        "number": trial.number,
        "params": trial.params,
        "loss": trial.loss,
        "state": trial.state.value,
        "start": iso(trial.start),
        "end": iso(trial.end),
        "run_s": trial.run_s,
        "slot": trial.slot,
        "attempt": trial.attempt,
        "error": trial.error.to_json() if trial.error else None,
        "info": dict(trial.info),
    }
