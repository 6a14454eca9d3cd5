"""Convert trials to hyperopt documents and back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import hyperopt
from hyperopt import base, progress

from airflow_sparktune.driver.samplers.hyperopt import document
from airflow_sparktune.executor.pickled import reply_to, result_of
from airflow_sparktune.executor.reply import OURS, Reply, raised
from airflow_sparktune.study.json_values import scalar
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

# Keys of a trial's info in the journal that are not keys of the user's result.
_NOT_THE_RESULTS = ("attachments", OURS)


class Documents:
    """Keeps hyperopt's `trials` up to date with a study, and calls the script's early_stop_fn.

    While the study runs, `trials` holds the ended trials in the order of their ends, because an early_stop_fn
    looks at the last one. `answers` holds complete results by trial number; for other trials, the result is
    restored from the journal.
    """

    def __init__(
        self,
        trials: base.Trials,
        answers: dict[int, Mapping[str, Any]],
        *,
        labels: Sequence[str],
        early_stop_fn: Callable[..., tuple[bool, Sequence[Any]]] | None,
        bar: Any,
    ) -> None:
        self._trials = trials
        self.answers = answers
        self._labels = list(labels)
        self._early_stop_fn = early_stop_fn
        self._early_stop_args: Sequence[Any] = ()
        self._bar = bar
        self._inserted: list[tuple[Trial, Mapping[str, Any]]] = []
        self._shown = self._ended = 0
        self._best: float | None = None

    def begin(self) -> None:
        """Remove all trials from `trials`."""
        self._trials._dynamic_trials = []
        self._trials.refresh()
        self._early_stop_args = ()
        self._ended = 0

    def observe(self, trial: Trial) -> bool:
        """Add an ended trial; return whether early_stop_fn ends the study."""
        doc = self._put(trial)
        self._show(trial)
        if self._early_stop_fn is None or doc["result"]["status"] != hyperopt.STATUS_OK:
            return False
        stop, self._early_stop_args = self._early_stop_fn(self._trials, *self._early_stop_args)
        return bool(stop)

    def settle(self, study: Study) -> None:
        """Replace `trials` by all ended trials of the study, in the order of their numbers."""
        self.begin()
        for trial in study.searched:
            if trial.state is not TrialState.RUNNING:
                self._put(trial)
                self._show(trial)

    def inserted(self, docs: Sequence[Mapping[str, Any]]) -> list[Trial]:
        """Return the trials of ended documents that a user inserted into `trials`."""
        self._inserted = [(trial_of(doc), doc["result"]) for doc in docs]
        return [trial for trial, _ in self._inserted]

    def keep(self, study: Study) -> None:
        """Keep the results of the study's trials; remove those of other trials, and their attachments."""
        for number in {doc["tid"] for doc in self._trials._dynamic_trials} - set(study.trials):
            self.answers.pop(number, None)
            name = self._trials.aname({"tid": number}, "")
            for attachment in [each for each in self._trials.attachments if each.startswith(name)]:
                del self._trials.attachments[attachment]
        for trial, result in self._inserted:
            if study.trials.get(trial.number) == trial:
                self.answers[trial.number] = result

    def _put(self, trial: Trial) -> dict[str, Any]:
        answer = self.answers.get(trial.number)
        doc = fmin_document(trial, self._labels, answer)
        self._trials._dynamic_trials.append(doc)
        if doc["state"] in base.JOB_VALID_STATES:  # as refresh() does, but without a pass over all trials
            self._trials._trials.append(doc)
            self._trials._ids.add(trial.number)
        # A cancelled trial may have answered too late.
        complete = answer if doc["state"] == base.JOB_STATE_DONE else None
        found = complete.get("attachments") if complete else _decoded(trial.info.get("attachments"))
        for name, value in (found or {}).items():
            self._trials.attachments[self._trials.aname(doc, name)] = value
        return doc

    def _show(self, trial: Trial) -> None:
        """Advance the progress bar; a replayed trial does not count twice."""
        self._ended += trial.counts
        if trial.loss is not None and (self._best is None or trial.loss < self._best):
            self._best = trial.loss
            self._bar.postfix = f"best loss: {self._best}"
        if self._ended > self._shown:
            self._shown = self._ended
            self._bar.update(1)


def progress_bar(shown: Any) -> Any:
    """Return hyperopt's progress bar, the script's own, or none."""
    if not shown:
        return progress.no_progress_callback
    return progress.default_callback if shown is True else shown


def trial_of(doc: Mapping[str, Any]) -> Trial:
    """Return the trial of an ended document that a user inserted."""
    vals = {label: scalar(value) for label, value in base.spec_from_misc(doc["misc"]).items()}
    start, end = _seconds(doc["book_time"]), _seconds(doc["refresh_time"])
    trial = Trial(number=doc["tid"], params=vals, point=vals, start=start, end=end)
    if doc["state"] == base.JOB_STATE_ERROR:
        kind, trace = doc["misc"].get("error") or ("unknown", "")
        failure = Failure(FailureKind.RAISED, str(kind), str(trace))
        return replace(trial, state=TrialState.FAILED, error=failure)
    try:
        reply = reply_to(result_of(doc["result"]), run_s=0.0)
    except Exception as error:  # noqa: BLE001 - an invalid result is a failed trial here too
        reply = Reply.failed(raised(error), run_s=0.0)
    return replace(trial, state=reply.state, loss=reply.loss, error=reply.failure, info=reply.info or {})


def fmin_document(trial: Trial, labels: list[str], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the document of an ended trial, in the form that hyperopt's SparkTrials writes."""
    doc = document(trial, labels)
    result = doc["result"]
    doc["misc"].update(cmd=("domain_attachment", "FMinIter_Domain"), workdir=None)
    doc.update(book_time=_moment(trial.start), refresh_time=_moment(trial.end))
    doc["result"] = {"status": hyperopt.STATUS_NEW}
    reported = trial.info.get(OURS, {}).get("reported")
    if trial.state is TrialState.CANCELLED:
        doc["state"] = base.JOB_STATE_CANCEL
        doc["misc"]["error"] = ("cancelled", "the study ended before this trial did")
    elif trial.state in (TrialState.OK, TrialState.PRUNED) or reported:
        doc["state"] = base.JOB_STATE_DONE
        doc["result"] = _result(trial, reported or result, answer)
    else:
        doc["state"] = base.JOB_STATE_ERROR
        if trial.error is not None:
            doc["misc"]["error"] = _error(trial.error)
    return doc


def _error(failure: Failure) -> tuple[str, str]:
    """Return the exception type and the traceback; for a lost trial, its kind and Spark's message."""
    if failure.traceback is None:
        return failure.kind.value, failure.message
    return f"<class '{failure.message.partition(':')[0]}'>", failure.traceback


def _result(trial: Trial, reported: Mapping[str, Any], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    if answer is not None:
        return {key: value for key, value in answer.items() if key != "attachments"}
    kept = {key: value for key, value in trial.info.items() if key not in _NOT_THE_RESULTS}
    if reported.get("loss") is not None:
        kept["loss"] = float(reported["loss"])  # the journal holds a NaN as text
    return {**kept, "status": reported["status"]}


def _decoded(attachments: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: base64.b64decode(value["base64"])
        if isinstance(value, Mapping) and set(value) == {"base64"}
        else value
        for name, value in (attachments or {}).items()
    }


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()


def _moment(seconds: float | None) -> datetime | None:
    """Return a time in hyperopt's form: UTC, without a time zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
