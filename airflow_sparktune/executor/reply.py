"""The reply of a trial as JSON: a loss or a failure, and the rest of the objective's result."""

from __future__ import annotations

import reprlib
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Imported by name before user code runs: an objective may replace attributes of a module.
from json import dumps, loads
from typing import Any, ClassVar

from airflow_sparktune.errors import SpecError
from airflow_sparktune.executor.objective import WAYS
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.json_values import plain
from airflow_sparktune.study.metric import LARGEST_LOSS, LOSS, Metric
from airflow_sparktune.study.trial import Failure, FailureKind, TrialState

# The rest of a result dict is stored in the journal, hence the limit.
INFO_LIMIT_BYTES = 16_384
# The key in a trial's info that is reserved for this package. A user's value under that key is left out.
OURS = "sparktune"
_AS_LOSS = Metric()
# The states in which a call can end: with a loss, with a failure.
_ENDS = {
    TrialState.OK: (True, False),
    TrialState.FAILED: (False, True),
    TrialState.PRUNED: (False, False),
}


def _is_loss(value: Any) -> bool:
    """Accept a number that can be a loss."""
    return shape.number(value) and abs(value) <= LARGEST_LOSS


@dataclass(frozen=True, slots=True)
class Reply(JsonObject):
    """The end of a call: its state with a loss or a failure, the objective's run time, and its output.

    `unreported` says why reports were lost, if they were.
    """

    WHAT: ClassVar[str] = "a reply"

    run_s: float = stored(shape.size)
    state: TrialState = stored(TrialState, default=TrialState.OK)
    loss: float | None = stored(_is_loss, default=None)
    failure: Failure | None = stored(Failure, default=None)
    info: Mapping[str, Any] | None = stored(shape.group, default=None)
    output: str | None = stored(shape.text, default=None)
    unreported: str | None = stored(shape.words, default=None)

    def __post_init__(self) -> None:
        given = self.loss is not None, self.failure is not None
        if given != _ENDS.get(self.state):
            raise ValueError(
                "a reply must be ok with a loss, failed with a failure, or pruned without both, got "
                f"{self.state.value} with the loss {self.loss} and the failure {self.failure}"
            )

    @classmethod
    def failed(cls, failure: Failure, *, run_s: float, info: Mapping[str, Any] | None = None) -> Reply:
        """Return the reply of a call that failed."""
        return cls(run_s, TrialState.FAILED, failure=failure, info=info)

    @classmethod
    def read(cls, text: Any) -> Reply:
        """Return the reply that a worker sent; an invalid one becomes a failure of kind nonsense."""
        try:
            return cls.from_json(loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            message = (
                f"a worker must send a valid reply, but reading it raised {type(error).__name__}: {error}; "
                "an objective must not change Python's standard modules"
            )
            return cls.failed(Failure(FailureKind.NONSENSE, message), run_s=0.0)

    def to_text(self) -> str:
        """Return the reply as `read` takes it."""
        return dumps(self.to_json())


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
