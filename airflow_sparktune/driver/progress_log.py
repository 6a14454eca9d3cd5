"""The driver's progress in the task's log: a line per trial, and a table at the end."""

from __future__ import annotations

import logging

from airflow_sparktune.executor.reply import OURS
from airflow_sparktune.study.formatting import number, origin_text, params, state_text
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.result.texts import texts
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialPurpose, TrialState

log = logging.getLogger(__name__)

# Longer params are cut in the line of a trial; the page and `sparktune show` have them whole.
MOST_CHARS = 200


class ProgressLog:
    """Logs the progress of one study; a `brief` log is one of many studies that share the slots."""

    def __init__(self, study: Study, *, brief: bool = False) -> None:
        self._study = study
        self._brief = brief
        self._left_out: set[str] = set()
        # Counted here because study.finished counts all trials on every call.
        self._finished = study.finished
        self._guards = study.guards
        within = (
            trial for trial in study.searched if trial.state is TrialState.OK and self._guards.hold(trial)
        )
        self._lowest = min(within, key=lambda trial: trial.rank, default=None)
        self._last_step = max((_last_step(study, trial) for trial in study.trials.values()), default=0)

    def began(self, *, attempt: int, slots: int, reserved: int) -> None:
        """Log the start of the study, its slots, and how many trials the journal holds.

        Of the `reserved` slots, which the study is charged for, its trials may fill `slots`.
        """
        study, spec = self._study, self._study.spec
        if spec is None:
            return
        known = f", {study.finished} trials known" if study.finished else ""
        wanted = "trials" if spec.max_evals is None else f"{spec.max_evals} trials"
        spark = study.attempts[-1].spark
        master = (spark.master if spark else None) or "this process"
        if not study.reserves:
            cost = ", slot-hours counted as when the study began, for the slots that trials may fill"
        else:
            cost = f", {reserved} reserved" if reserved > slots else ""
        log.info(
            "study of %s: %s by %s on %d %s of %s%s (attempt %d, seed %s%s)",
            spec.objective, wanted, spec.algo, slots, "slot" if slots == 1 else "slots", master,
            cost, attempt, study.seed, known,
        )  # fmt: skip
        if spec.max_evals is not None and slots > spec.max_evals and not self._brief:
            log.warning(
                "%d slots are more than max_evals %d: no trial learns from another, and some slots stay idle",
                slots, spec.max_evals,
            )  # fmt: skip

    def trial(self, trial: Trial) -> None:
        """Log one line for a trial that has ended."""
        self._finished += trial.counts
        self._last_step = max(self._last_step, _last_step(self._study, trial))
        line = self._line(trial)
        if trial.error is None:
            log.info("%s", line)
        else:
            log.warning("%s: %s", line, trial.error.message or trial.error.headline)
        if left_out := set(trial.info.get(OURS, {}).get("left_out", ())) - self._left_out:
            self._left_out |= left_out
            log.warning(
                "the journal leaves out parts of the objective's result (not JSON, or too large): %s",
                ", ".join(sorted(left_out)),
            )

    def _line(self, trial: Trial) -> str:
        """Return the line of a trial: its number, state and loss, and for the search how it was found."""
        spec, metric = self._study.spec, self._study.metric
        parts = [trial.title, state_text(trial.state)]
        curve = self._study.curves.get(trial.number)
        if trial.state is TrialState.PRUNED and curve is not None:
            shown = number(metric.shown(curve.losses[-1]))
            whole = f" of ~{self._last_step}" if self._last_step else ""
            parts.append(f"at step {curve.steps[-1]}{whole} {metric.name}={shown}")
        if trial.loss is not None:
            parts.append(f"{metric.name}={number(metric.shown(trial.loss))}")
        if trial.purpose is TrialPurpose.CONFIRM:
            return " ".join(parts)
        most = f"/{spec.max_evals}" if spec and spec.max_evals is not None else ""
        parts.insert(0, f"[{self._finished}{most}]")
        if trial.state is TrialState.OK and (note := self._note(trial)):
            parts.append(f"({note})")
        if trial.lasted_s is not None:
            parts.append(f"{trial.lasted_s:.1f} s")
        parts.append(_short(params(trial.params)))
        source = origin_text(trial) or trial.suggested_by
        if source and not (spec and source == spec.algo):
            parts.append(f"({source})")
        return " ".join(parts)

    def _note(self, trial: Trial) -> str | None:
        """Say of a successful trial that it is beyond a guardrail, or the lowest so far of those within."""
        self._guards.learn(trial)
        if not self._guards.hold(trial):
            return "beyond a guardrail"
        if self._lowest is not None and self._lowest.rank < trial.rank:
            return None
        self._lowest = trial
        return f"{self._study.metric.extreme} so far"


def _last_step(study: Study, trial: Trial) -> int:
    """Return the step of the last report of a trial that ran to its end, else 0."""
    curve = study.curves.get(trial.number)
    return curve.steps[-1] if curve is not None and trial.state is TrialState.OK else 0


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 1]}…"


def log_end(study: Study, *, brief: bool = False) -> None:
    """Log the summary as an aligned table, or in one line."""
    found = summary(study)
    if brief:
        log.info("%s", "; ".join(f"{name}: {value}" for name, value in texts(found).items()))
        return
    rows = {
        **texts(found),
        "elapsed": f"{found.elapsed_s:.1f} s in {found.attempts} attempt(s)",
        "slots": str(found.slots),
        "driver's time": ", ".join(
            f"{name.removesuffix('_s')} {value:.1f} s" for name, value in found.timing.items()
        ),
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        log.info("%s  %s", name.ljust(width), value)
