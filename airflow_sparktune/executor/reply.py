"""The reply of a trial as JSON: a loss or a failure, and the rest of the objective's result."""

from __future__ import annotations

import reprlib
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Imported by name before user code runs: an objective may replace attributes of a module.
from json import dumps, loads
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.executor.objective import WAYS
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_values import plain
from airflow_sparktune.study.metric import LARGEST_LOSS, LOSS, Metric
from airflow_sparktune.study.trial import Failure, FailureKind

# The rest of a result dict is stored in the journal, hence the limit.
INFO_LIMIT_BYTES = 16_384
# The key in a trial's info that is reserved for this package. A user's value under that key is left out.
OURS = "sparktune"
_AS_LOSS = Metric()


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of a call: a loss or a failure, the objective's run time, and its output."""

    run_s: float
    loss: float | None = None
    failure: Failure | None = None
    info: Mapping[str, Any] | None = None
    output: str | None = None

    @classmethod
    def read(cls, text: Any) -> Reply:
        """Return the reply that a worker sent; an invalid one becomes a failure of kind nonsense."""
        try:
            return cls.from_json(text)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            message = (
                f"a worker must send a valid reply, but reading it raised {type(error).__name__}: {error}; "
                "an objective must not change Python's standard modules"
            )
            return cls(0.0, failure=Failure(FailureKind.NONSENSE, message))

    @classmethod
    def from_json(cls, text: str) -> Reply:
        """Return the reply that `to_json` wrote; raises ValueError, LookupError or TypeError if invalid."""
        data = loads(text)
        failure = Failure.from_json(data["failure"]) if data["failure"] else None
        run_s, loss, info = data["run_s"], data["loss"], data["info"]
        if not shape.size(run_s):
            raise ValueError(f"run_s must be a number of at least 0, got {reprlib.repr(run_s)}")
        if failure is None and not (shape.number(loss) and abs(loss) <= LARGEST_LOSS):
            raise ValueError(f"the loss must be a number within {LARGEST_LOSS:g}, got {reprlib.repr(loss)}")
        if not (info is None or isinstance(info, dict)):
            raise TypeError(f"info must be an object, got {type(info).__name__}")
        output = data.get("output")
        if not (output is None or isinstance(output, str)):
            raise TypeError(f"output must be a text, got {type(output).__name__}")
        return cls(run_s, None if failure else loss, failure, info, output)

    def to_json(self) -> str:
        failure = self.failure.to_json() if self.failure else None
        data = {"run_s": self.run_s, "loss": self.loss, "failure": failure, "info": self.info}
        return dumps(data if self.output is None else {**data, "output": self.output})


def raised(error: BaseException) -> Failure:
    """Return the failure for an exception; its traceback begins in the user's code."""
    try:
        message = "".join(traceback.format_exception_only(error)).strip()
        trace = _traceback(error)
        if isinstance(error, ModuleNotFoundError):
            message = f"{message}; {WAYS}"
    except Exception:  # noqa: BLE001 - methods of a user's exception class may raise anything
        message = f"{type(error).__qualname__} (its text cannot be read)"
        trace = "".join(traceback.format_tb(error.__traceback__))
    return Failure(FailureKind.RAISED, message, trace)


def no_loss_message(returned: Any, metric: Metric = _AS_LOSS) -> str:
    """Return the error message for a result without a loss or score."""
    return (
        f"the objective must return a finite {metric.name}, or a dict with one as {metric.name!r}, got "
        f"{reprlib.repr(returned)}; return a number that is {'larger' if metric.maximized else 'smaller'} "
        "for better models"
    )


def too_large_message(value: float, metric: Metric = _AS_LOSS) -> str:
    """Return the error message for a loss or score beyond LARGEST_LOSS in size."""
    return (
        f"the objective must return a {metric.name} within {LARGEST_LOSS:g} in size, got {float(value):g}; "
        "raise an exception for a model that diverged, or rescale the numbers"
    )


def small_info(
    result: Mapping[str, Any], *, without: str = LOSS, left_out: Iterable[str] = (), **ours: Any
) -> dict[str, Any]:
    """Return the result dict without the loss or score `without`, and without what is too large or not JSON.

    The key `OURS` lists the names of left-out values, and holds `ours`.
    """
    beside = {key: value for key, value in result.items() if key not in (without, "status")}
    kept, too_much = fitting(beside)
    if OURS in kept:
        too_much.append(OURS)
        del kept[OURS]
    if names := sorted([*left_out, *too_much]):
        ours["left_out"] = names
    return {**kept, OURS: ours} if ours else kept


def fitting(values: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the values that fit into the journal's size limit, and the names of those that do not."""
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    for key, value in values.items():
        try:
            kept[str(key)] = plain(value, what=str(key))
        except (SpecError, RecursionError):
            left_out.append(str(key))
    sizes = {key: len(dumps({key: value})) for key, value in kept.items()}
    total = sum(sizes.values())
    for largest in sorted(sizes, key=lambda key: sizes[key], reverse=True):
        if total <= INFO_LIMIT_BYTES:
            break
        total -= sizes[largest]
        left_out.append(largest)
        del kept[largest]
    return kept, left_out


def _traceback(error: BaseException) -> str:
    """Return the traceback without the frames of this package above the objective."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith(
        "airflow_sparktune.executor"
    ):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))
