"""An objective that travels as a pickle: the function that a hyperopt script passes to fmin.

Its parameters may be any objects, so they are pickled too. Its result follows hyperopt's rules, and is sent
back pickled beside the reply.
"""

from __future__ import annotations

import base64
import math
import pickle
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import (
    INFO_LIMIT_BYTES,
    Reply,
    fitting,
    no_loss_message,
    small_info,
    too_large_message,
)
from airflow_sparktune.study.json_values import scalar
from airflow_sparktune.study.metric import LARGEST_LOSS
from airflow_sparktune.study.trial import Failure, FailureKind

# The values of `status` that hyperopt accepts. Only "ok" comes with a loss to compare.
STATUSES = ("new", "running", "suspended", "ok", "fail")


@dataclass(frozen=True)
class PickledObjective:
    """Calls a pickled function.

    `dumps` pickles the objective's result. The driver chooses it, so that this module does not depend on a
    pickler for the classes of a script.
    """

    function: bytes
    dumps: Callable[[Any], bytes]

    def load(self) -> None:
        """Unpickle the function, which imports what it needs."""
        try:
            _ = self._call
        except (Exception, SystemExit) as error:
            raise ObjectiveError(
                f"the objective must be loadable where trials run, got {type(error).__name__}: {error}; "
                "install what it imports on the executors, or ship it with --py-files"
            ) from error

    def bind(self, call: Call) -> Callable[[], Any]:
        function = self._call
        return lambda: result_of(function(pickle.loads(call.params)))

    @cached_property
    def _call(self) -> Callable[[Any], Any]:
        """Return the function, unpickled once: a worker keeps this object from trial to trial."""
        function: Callable[[Any], Any] = pickle.loads(self.function)
        return function

    def reply(self, returned: Mapping[str, Any], run_s: float) -> Reply:
        return reply_to(returned, run_s)

    def pickled(self, returned: Mapping[str, Any]) -> bytes | None:
        if set(returned) <= {"loss", "status"}:
            return None
        try:
            return self.dumps(returned)
        except Exception:  # noqa: BLE001 - keep the loss even if the rest of the result cannot be pickled
            return None


def result_of(returned: Any) -> dict[str, Any]:
    """Return the objective's result as hyperopt's result dict; raises ValueError if it is not valid.

    >>> result_of(0.5), result_of({"status": "fail", "why": "no data"})
    ({'loss': 0.5, 'status': 'ok'}, {'status': 'fail', 'why': 'no data'})
    """
    number = scalar(returned)
    if isinstance(number, (int, float)):
        return {"loss": float(number), "status": "ok"}
    try:
        result = dict(returned)
    except (TypeError, ValueError):
        raise ValueError(no_loss_message(returned)) from None
    if result.get("status") not in STATUSES:
        raise ValueError(
            f"the objective's result must have a status of {', '.join(STATUSES)}, "
            f"got {result.get('status')!r}; return {{'loss': ..., 'status': 'ok'}}"
        )
    if result["status"] == "ok":
        loss = _number(result.get("loss"))
        if loss is None:
            shown = reprlib.repr(result.get("loss"))
            raise ValueError(f"the objective's result must have a number as its loss, got {shown}")
        result["loss"] = loss
    attachments = result.get("attachments")
    if not (attachments is None or isinstance(attachments, Mapping)):
        raise ValueError(
            "the objective's attachments must be a dict of names and values, got "
            f"{type(attachments).__name__}; return a dict"
        )
    return result


def reply_to(result: Mapping[str, Any], run_s: float) -> Reply:
    """Return the reply for a result dict.

    Hyperopt counts a trial as done if its loss is not finite or too large; the journal counts it as failed.
    `reported` in the info keeps the status and loss for hyperopt.
    """
    status, loss = result["status"], _number(result.get("loss"))
    if status != "ok":
        failure = Failure(FailureKind.RAISED, f"the objective reported status {status!r}")
    elif loss is None or not math.isfinite(loss):
        failure = Failure(FailureKind.NONSENSE, f"the objective must return a finite loss, got {loss}")
    elif abs(loss) > LARGEST_LOSS:
        failure = Failure(FailureKind.NONSENSE, too_large_message(loss))
    else:
        return Reply(run_s, loss=loss, info=_info(result))
    reported = {"status": status, **({} if loss is None else {"loss": str(loss)})}
    return Reply.failed(failure, run_s=run_s, info=_info(result, reported=reported))


def _number(loss: Any) -> float | None:
    """Return a loss as hyperopt reads it: any value that float() accepts.

    >>> _number("0.5"), _number(None)
    (0.5, None)
    """
    try:
        return float(loss)
    except (TypeError, ValueError, OverflowError):
        return None


def _info(result: Mapping[str, Any], **ours: Any) -> dict[str, Any]:
    """Return the part of a result that the journal keeps; attachments have a size limit of their own."""
    attachments, too_much = fitting(_encoded(result.get("attachments") or {}))
    beside = {key: value for key, value in result.items() if key != "attachments"}
    info = small_info(beside, left_out=[f"attachments[{name!r}]" for name in too_much], **ours)
    return {**info, "attachments": attachments} if attachments else info


def _encoded(attachments: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return attachments for JSON: bytes become base64 if they are small enough to keep."""
    return {
        name: {"base64": base64.b64encode(value).decode()}
        if isinstance(value, bytes) and len(value) <= INFO_LIMIT_BYTES
        else value
        for name, value in attachments.items()
    }
