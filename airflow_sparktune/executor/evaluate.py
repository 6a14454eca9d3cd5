"""One trial inside a Spark Python worker: call the objective, make of its answer a reply in JSON.

What the objective raises never leaves here as an exception: Spark would retry the task, and the log
would fill with the JVM's traces.
"""

from __future__ import annotations

import math
import reprlib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache

# Bound here, before any code of the user's runs: an objective may replace what a module offers.
from json import dumps, loads
from time import monotonic
from typing import Any

from airflow_sparktune.errors import ObjectiveError, SpecError
from airflow_sparktune.executor.children import guard_children
from airflow_sparktune.executor.objective import WAYS, Objective, TrialInfo, load_objective
from airflow_sparktune.executor.reuse import keep_worker
from airflow_sparktune.executor.seeding import seed_globals
from airflow_sparktune.executor.shared import Broadcast, Shared, explained, opened
from airflow_sparktune.study.plain import plain
from airflow_sparktune.study.signature import EXTRAS
from airflow_sparktune.study.trial import Failure, FailureKind, TrialPurpose

# What a result dict holds besides the loss goes into the journal, so it is kept small.
INFO_LIMIT_BYTES = 16_384
# The one key of it that is ours: whatever a result may hold, what stands there was written here.
OURS = "sparktune"


@dataclass(frozen=True, slots=True)
class Task:
    """What all trials of a study share; it travels once, as a broadcast.

    `confirm_kwargs` replace those of `kwargs` in the repeats of a confirmation.
    """

    objective: str
    kwargs: Mapping[str, Any]
    shared_data: Shared[Any] | None = None
    confirm_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def kwargs_of(self, trial: TrialInfo) -> dict[str, Any]:
        """Return the arguments that the objective gets for a trial."""
        own = self.confirm_kwargs if trial.purpose == TrialPurpose.CONFIRM else {}
        return {**self.kwargs, **own}


@dataclass(frozen=True, slots=True)
class Call:
    """What travels per trial."""

    params: Any
    trial: TrialInfo


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call: a loss or a failure, and how long the objective ran."""

    run_s: float
    loss: float | None = None
    failure: Failure | None = None
    info: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, text: Any) -> Reply:
        """Return the reply that a worker sent; one of another form becomes a failure of kind nonsense."""
        try:
            return cls.from_json(text)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            message = (
                f"the worker's reply must be that of a trial, but: {type(error).__name__}: {error}; "
                "an objective must leave Python's own modules as they are"
            )
            return cls(0.0, failure=Failure(FailureKind.NONSENSE, message))

    @classmethod
    def from_json(cls, text: str) -> Reply:
        """Return the reply that `to_json` wrote; raises ValueError, LookupError or TypeError for others."""
        data = loads(text)
        failure = Failure.from_json(data["failure"]) if data["failure"] else None
        run_s, loss, info = data["run_s"], data["loss"], data["info"]
        if not _is_real(run_s) or run_s < 0:
            raise ValueError(f"run_s must be a number of at least 0, got {reprlib.repr(run_s)}")
        if failure is None and not _is_real(loss):
            raise ValueError(f"the loss must be a finite number, got {reprlib.repr(loss)}")
        if not (info is None or isinstance(info, dict)):
            raise TypeError(f"info must be an object, got {type(info).__name__}")
        return cls(run_s, None if failure else loss, failure, info)

    def to_json(self) -> str:
        failure = self.failure.to_json() if self.failure else None
        return dumps({"run_s": self.run_s, "loss": self.loss, "failure": failure, "info": self.info})


def _is_real(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def evaluate(task: Broadcast, call: Call, rows: Iterator[Any]) -> Iterator[str]:
    """The function of the single-task job: yields one reply."""
    keep_worker(rows)
    with opened(task) as value:
        reply = run(value, call)
    yield replace(reply, failure=explained(reply.failure, task)).to_json()


def run(task: Task, call: Call) -> Reply:
    """Call the objective; whatever it does becomes a reply."""
    try:
        arguments = task.kwargs_of(call.trial)
        objective = _objective(task.objective, tuple(sorted(arguments)))
    except ObjectiveError as error:
        return Reply(0.0, failure=Failure(FailureKind.RAISED, str(error)))
    # Copies: an objective may change what it is given, which the next trial and the journal need as it was.
    params, kwargs = deepcopy((call.params, arguments))
    shared_data = task.shared_data.value if task.shared_data is not None else None
    outcome = attempt(
        lambda: objective(params, kwargs=kwargs, trial=call.trial, shared_data=shared_data),
        seed=call.trial.seed,
    )
    if outcome.failure is not None:
        return Reply(outcome.run_s, failure=outcome.failure)
    try:
        return _interpret(outcome.returned, outcome.run_s)
    except TrialCancelled:
        raise
    except BaseException as error:  # noqa: BLE001 - a value of the user's own class may do anything when looked at
        failure = replace(raised(error), kind=FailureKind.NONSENSE)
        return Reply(outcome.run_s, failure=failure)


class TrialCancelled(BaseException):
    """Raised inside the objective of a trial on the driver that was cancelled."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the user's code returned, or why it failed, and how long it ran."""

    run_s: float
    returned: Any = None
    failure: Failure | None = None


def attempt(call: Callable[[], Any], *, seed: int) -> Outcome:
    """Call the user's code with seeded random states; what it raises becomes a failure."""
    guard_children()
    seed_globals(seed)
    start = monotonic()
    try:
        returned = call()
    except TrialCancelled:
        raise
    except BaseException as error:  # noqa: BLE001 - sys.exit() too: it ends a trial, not the worker
        return Outcome(monotonic() - start, failure=raised(error))
    return Outcome(monotonic() - start, returned)


def raised(error: BaseException) -> Failure:
    """The failure of a trial whose code raised, with the traceback from that code on."""
    try:
        message = "".join(traceback.format_exception_only(error)).strip()
        told = _traceback(error)
        if isinstance(error, ModuleNotFoundError):
            message = f"{message}; {WAYS}"
    except Exception:  # noqa: BLE001 - an exception of the user's own class may raise when it is looked at
        message = f"{type(error).__qualname__} (an exception that cannot be shown)"
        told = "".join(traceback.format_tb(error.__traceback__))
    return Failure(FailureKind.RAISED, message, told)


def check(task: Broadcast, rows: Iterator[Any]) -> Iterator[str]:
    """Look from inside a worker whether trials can run there: yields JSON (see driver.backends.preflight)."""
    list(rows)
    try:
        with opened(task) as value:
            load_for(value)
        problem = None
    except ObjectiveError as error:
        problem = str(error)
    yield dumps(worker_report(problem))


def load_for(task: Task) -> None:
    """Check that the objective can be called with the arguments of the search, and of its confirmation."""
    for kwargs in (task.kwargs, {**task.kwargs, **task.confirm_kwargs}):
        _objective(task.objective, tuple(sorted(kwargs)))


def worker_report(problem: str | None) -> dict[str, Any]:
    """What a worker says of itself, and of the objective where that cannot be loaded."""
    import airflow_sparktune

    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "executable": sys.executable,
        "package": airflow_sparktune.__version__,
        "path": airflow_sparktune.__file__,
        "error": problem,
    }


@cache
def _objective(name: str, kwargs: tuple[str, ...]) -> Objective:
    """Loaded once per worker: a reused worker serves many trials."""
    return load_objective(name, kwargs=dict.fromkeys(kwargs), extras=EXTRAS)


def _interpret(returned: Any, run_s: float) -> Reply:
    """A loss, or a dict with `loss` as hyperopt's objectives return it."""
    result = returned if isinstance(returned, Mapping) else {"loss": returned}
    if result.get("status") == "fail":
        failure = Failure(FailureKind.RAISED, "the objective reported status 'fail'")
        return Reply(run_s, failure=failure, info=small_info(result))
    try:
        loss = plain(result.get("loss"), what="loss")
    except SpecError:
        loss = None
    if isinstance(loss, bool) or not isinstance(loss, (int, float)):
        return Reply(run_s, failure=Failure(FailureKind.NONSENSE, no_loss(returned)))
    return Reply(run_s, loss=float(loss), info=small_info(result))


def no_loss(returned: Any) -> str:
    """What there is to say of an answer without a loss."""
    return (
        "the objective must return a finite loss, or a dict with one as 'loss', got "
        f"{reprlib.repr(returned)}; return a number that is smaller for a better model"
    )


def small_info(result: Mapping[str, Any], *, left_out: Iterable[str] = (), **ours: Any) -> dict[str, Any]:
    """What a result dict holds besides the loss, as far as JSON can hold it and it is small.

    What was left out is named under the key `OURS`, beside what `ours` has to say.
    """
    beside = {key: value for key, value in result.items() if key not in ("loss", "status")}
    kept, too_much = fitting(beside)
    if OURS in kept:
        too_much.append(OURS)
        del kept[OURS]
    if names := sorted([*left_out, *too_much]):
        ours["left_out"] = names
    return {**kept, OURS: ours} if ours else kept


def fitting(values: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values that JSON can hold, the largest left out while they are too large; and the others' names."""
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    for key, value in values.items():
        try:
            kept[str(key)] = plain(value, what=str(key))
        except (SpecError, RecursionError):
            left_out.append(str(key))
    while kept and len(dumps(kept)) > INFO_LIMIT_BYTES:
        largest = max(kept, key=lambda key: len(dumps(kept[key])))
        left_out.append(largest)
        del kept[largest]
    return kept, left_out


def _traceback(error: BaseException) -> str:
    """The traceback from the objective on: our own frame above it says nothing to the user."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith(
        "airflow_sparktune.executor"
    ):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))
