"""One trial of an objective that travels as a pickle: a function that a hyperopt script hands to fmin.

Its parameters may be any objects, so they are pickled too. Its answers follow hyperopt's rules, and come
back whole beside the reply.
"""

from __future__ import annotations

import base64
import json
import math
import pickle
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from airflow_sparktune.executor.evaluate import (
    INFO_LIMIT_BYTES,
    Call,
    Outcome,
    Reply,
    attempt,
    fitting,
    no_loss,
    raised,
    small_info,
    worker_report,
)
from airflow_sparktune.executor.reuse import keep_worker
from airflow_sparktune.executor.shared import Broadcast, explained, opened
from airflow_sparktune.study.plain import scalar
from airflow_sparktune.study.trial import Failure, FailureKind

# What hyperopt's objectives may answer as `status`; each but "ok" says that there is no loss to compare.
STATUSES = ("new", "running", "suspended", "ok", "fail")


@dataclass(frozen=True, slots=True)
class PickledTask:
    """What all trials of a study share; it travels once, as a broadcast.

    `dumps` pickles an answer on its way back. The driver chooses it, so that nothing here has to know a
    pickler that can handle the classes of a script.
    """

    function: bytes
    dumps: Callable[[Any], bytes]


def evaluate_pickled(task: Broadcast, call: Call, rows: Iterator[Any]) -> Iterator[Any]:
    """The function of the single-task job: yields the reply, and the pickled answer or None."""
    keep_worker(rows)
    with opened(task) as value:
        outcome = _answer(value, call)
    try:
        reply = interpret(outcome)
    except Exception as error:  # noqa: BLE001 - a value of the user's own class may raise when it is looked at
        reply = Reply(outcome.run_s, failure=replace(raised(error), kind=FailureKind.NONSENSE))
    yield replace(reply, failure=explained(reply.failure, task)).to_json()
    yield _whole(outcome.returned, value.dumps) if outcome.failure is None else None


def check_pickled(task: Broadcast, rows: Iterator[Any]) -> Iterator[str]:
    """Look from inside a worker whether trials can run there: yields JSON (see driver.backends.preflight)."""
    list(rows)
    try:
        with opened(task) as value:
            _loaded(value.function)
        problem = None
    except Exception as error:  # noqa: BLE001 - loading imports the user's modules
        problem = (
            f"the objective must be loadable where trials run, got {type(error).__name__}: {error}; "
            "install there what it imports, or ship it with --py-files"
        )
    yield json.dumps(worker_report(problem))


def answer_of(returned: Any) -> dict[str, Any]:
    """What an objective returned as hyperopt's result; raises what makes the trial a failed one.

    >>> answer_of(0.5), answer_of({"status": "fail", "why": "no data"})
    ({'loss': 0.5, 'status': 'ok'}, {'status': 'fail', 'why': 'no data'})
    """
    number = scalar(returned)
    if isinstance(number, (int, float)):
        return {"loss": float(number), "status": "ok"}
    try:
        answer = dict(returned)
    except (TypeError, ValueError):
        raise ValueError(no_loss(returned)) from None
    if answer.get("status") not in STATUSES:
        raise ValueError(
            f"the objective's result must have a status of {', '.join(STATUSES)}, "
            f"got {answer.get('status')!r}; return {{'loss': ..., 'status': 'ok'}}"
        )
    if answer["status"] == "ok":
        loss = _number(answer.get("loss"))
        if loss is None:
            shown = reprlib.repr(answer.get("loss"))
            raise ValueError(f"the objective's result must have a number as its loss, got {shown}")
        answer["loss"] = loss
    attachments = answer.get("attachments")
    if not (attachments is None or isinstance(attachments, Mapping)):
        raise ValueError(
            "the objective's attachments must be a dict of names and values, got "
            f"{type(attachments).__name__}; give each a name"
        )
    return answer


def interpret(outcome: Outcome) -> Reply:
    """The reply that goes into the journal.

    What hyperopt takes for done and the journal for failed (no finite loss) is told apart by `reported`.
    """
    if outcome.failure is not None:
        return Reply(outcome.run_s, failure=outcome.failure)
    answer: dict[str, Any] = outcome.returned
    status, loss = answer["status"], _number(answer.get("loss"))
    if status == "ok" and loss is not None and math.isfinite(loss):
        return Reply(outcome.run_s, loss=loss, info=_info(answer))
    if status == "ok":
        failure = Failure(FailureKind.NONSENSE, f"the objective must return a finite loss, got {loss}")
    else:
        failure = Failure(FailureKind.RAISED, f"the objective reported status {status!r}")
    reported = {"status": status, **({} if loss is None else {"loss": str(loss)})}
    return Reply(outcome.run_s, failure=failure, info=_info(answer, reported=reported))


def _number(loss: Any) -> float | None:
    """A loss as hyperopt takes it: whatever can be made a float.

    >>> _number("0.5"), _number(None)
    (0.5, None)
    """
    try:
        return float(loss)
    except (TypeError, ValueError, OverflowError):
        return None


def _answer(task: PickledTask, call: Call) -> Outcome:
    try:
        function = _loaded(task.function)
    except Exception as error:  # noqa: BLE001 - loading imports the user's modules
        return Outcome(0.0, failure=raised(error))
    return attempt(lambda: answer_of(function(pickle.loads(call.params))), seed=call.trial.seed)


@lru_cache(maxsize=1)
def _loaded(function: bytes) -> Callable[[Any], Any]:
    """Loaded once per worker; only the last one is kept, for what a function holds can be large."""
    loaded: Callable[[Any], Any] = pickle.loads(function)
    return loaded


def _whole(answer: Mapping[str, Any], dumps: Callable[[Any], bytes]) -> bytes | None:
    """The answer as it is, where it says more than the reply does and can be pickled."""
    if set(answer) <= {"loss", "status"}:
        return None
    try:
        return dumps(answer)
    except Exception:  # noqa: BLE001 - a picklable loss must not be lost with what cannot be pickled
        return None


def _info(answer: Mapping[str, Any], **ours: Any) -> dict[str, Any]:
    """What the journal keeps of an answer; one large attachment takes no other along."""
    attachments, too_much = fitting(_encoded(answer.get("attachments") or {}))
    beside = {key: value for key, value in answer.items() if key != "attachments"}
    info = small_info(beside, left_out=[f"attachments[{name!r}]" for name in too_much], **ours)
    return {**info, "attachments": attachments} if attachments else info


def _encoded(attachments: Mapping[Any, Any]) -> dict[Any, Any]:
    """Attachments for JSON: those that are bytes as base64, where they are small enough to be kept."""
    return {
        name: {"base64": base64.b64encode(value).decode()}
        if isinstance(value, bytes) and len(value) <= INFO_LIMIT_BYTES
        else value
        for name, value in attachments.items()
    }
