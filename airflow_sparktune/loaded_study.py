"""A read-only view of a study, for a notebook or a downstream task."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_sparktune import connections
from airflow_sparktune.errors import SparktuneError, StorageError, revive
from airflow_sparktune.study.curve import Curve
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.json_values import flat
from airflow_sparktune.study.phase import Phase, phase_of
from airflow_sparktune.study.result import summary, trial_row
from airflow_sparktune.study.result.texts import best_text
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best configuration of a study: its params and loss, and the number of its trial.

    After the decision of a retuning, it is the configuration for production with the loss that its repeats
    confirmed. `loss` is None if it was not measured, `number` if it ran in no trial of this study.
    """

    number: int | None
    params: Any
    loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedStudy:
    """A snapshot of a study, taken when its journal was loaded.

    `trials` are ordered by number and include running ones. `curves` has the `steps`, `losses` and `metrics`
    that a trial reported, by its number. `best` is the one that XCom, the page and the
    shell show as well. `lowest` is the successful trial of the search with the lowest loss. `state` is
    `done`, `running`, `lost` and so on. `stop_reason` and `error` are set once the study has ended. `summary`
    is the value that the operator pushes to XCom as `tuning_result`. `problems` lists the parts of the
    journal that could not be read.
    """

    address: str
    spec: Spec
    state: Phase
    trials: tuple[Trial, ...]
    curves: Mapping[int, Curve]
    best: Best | None
    lowest: Trial | None
    stop_reason: StopReason | None
    error: SparktuneError | None
    summary: Mapping[str, Any]
    problems: tuple[str, ...]

    def trials_dataframe(self) -> pandas.DataFrame:
        """Return a pandas DataFrame with a row for each trial.

        Columns are `number`, `state`, `purpose` (`search`, or `confirm` for a repeat), `repeats` (the trial
        that it repeats) and `repeat` (the number of the repeat), `origin`, `loss`, `score` if the spec has
        `maximize`, a column `params.<name>` for each hyperparameter and `metrics.<name>` for each other
        number that the objective returned (nested names are joined by dots; empty if the trial does not have
        it), `start` and `end` in UTC, `run_s` in seconds, `slot`, `attempt`, `tries` and `error`. Raises
        ImportError without pandas.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "trials_dataframe needs pandas, which is not installed here; install pandas, or read .trials"
            ) from None
        metric = self.spec.metric
        rows = [{**_row(trial), "score": metric.shown(trial.loss)} for trial in self.trials]
        names = sorted({name for row in rows for name in row})
        params = [name for name in names if name.startswith("params")]
        metrics = [name for name in names if name.startswith("metrics.")]
        losses = ["loss", "score"] if metric.maximized else ["loss"]
        frame = pandas.DataFrame(rows, columns=[*_FIRST, *losses, *params, *metrics, *_LAST])
        types: dict[str, Any] = dict.fromkeys([*losses, *metrics, "run_s"], float)
        return frame.astype({**types, "repeats": "Int64", "repeat": "Int64"})  # numbers, or empty


def load_study(address: str) -> LoadedStudy:
    """Load the current state of the study in a folder or at a URL.

    Raises StorageError if there is no study, or if it cannot be read.
    """
    connections.register()
    follower = read_study(address)
    study = follower.study
    if study.spec is None:
        raise StorageError(
            f"a study folder must hold a journal, found none at {address}; check the address (a task pushes "
            "it to XCom as 'study')"
        )
    return _loaded(address, study, study.spec, follower.problems)


def _loaded(address: str, study: Study, spec: Spec, problems: list[str]) -> LoadedStudy:
    closed, found = study.closed, summary(study)
    best = Best(number=found.best_number, params=found.best_params, loss=found.best_loss)
    return LoadedStudy(
        address=address,
        spec=spec,
        state=phase_of(study, now=time.time()),
        trials=tuple(study.trials[number] for number in sorted(study.trials)),
        curves=study.curves,
        best=best if best_text(found) else None,
        lowest=study.lowest,
        stop_reason=closed.reason if closed else None,
        error=revive(closed.error) if closed and closed.error else None,
        summary={"study": address, **found.to_json()},
        problems=tuple(problems),
    )


_FIRST = ("number", "state", "purpose", "repeats", "repeat", "origin")
_LAST = ("start", "end", "run_s", "slot", "attempt", "tries", "error")


def _row(trial: Trial) -> dict[str, Any]:
    row = {
        **trial_row(trial),
        "start": _moment(trial.start),
        "end": _moment(trial.end),
        "tries": trial.tries,
        "error": trial.error.message if trial.error else None,
    }
    metrics = {f"metrics.{name}": value for name, value in trial.metrics.items()}
    return {**dict(flat(row.pop("params"), "params")), **metrics, **row}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
