"""Import the user's function by name, check its signature, and call it with the arguments it accepts."""

from __future__ import annotations

import importlib
import inspect
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.study.metric import LARGEST_LOSS
from airflow_sparktune.study.signature import extras_wanted

# How to make code importable where trials run.
WAYS = (
    "put it beside the DAG file, send it with py_files, or give executors an environment that has it "
    "(archives, or their image)"
)


class TrialPruned(BaseException):
    """Ends a trial that is clearly losing. `except Exception` in user code does not catch it."""


class Reporter(Protocol):
    """Sends a trial's reports."""

    def report(self, step: int, loss: float, metrics: Mapping[str, float]) -> None:
        """Report a loss; raises TrialPruned."""


@dataclass(frozen=True, slots=True)
class TrialContext:
    """The argument of an objective that has a parameter named `trial`.

    `seed` is derived from the study's seed and the trial's number, so interruptions of the study do not
    change it. In a confirmation `purpose` is "confirm", and all configurations of one repeat have the same
    `seed`. `maximize` tells whether the study maximises what the objective returns and reports. `cpus` is the
    trial's number of cores, and `gpus` are its GPUs by their names in CUDA_VISIBLE_DEVICES, which has no
    others. Without a `reporter`, as in a test of the objective, reports are only checked.
    """

    number: int
    seed: int
    attempt: int
    tries: int
    purpose: str = "search"
    maximize: bool = False
    cpus: int = 1
    gpus: tuple[str, ...] = ()
    reporter: Reporter | None = field(default=None, repr=False, compare=False)

    def report(self, step: int, loss: float, **metrics: float) -> None:
        """Report the loss (or with `maximize` the score) at a step, and other numbers.

        Steps are whole numbers that grow, such as epochs. Ends the trial by TrialPruned if the study's pruner
        decides so; else it returns. An objective that never reports is never pruned.
        """
        checked = {name: _reported(name, value) for name, value in metrics.items()}
        found = _reported("loss", loss)
        if isinstance(step, bool) or not hasattr(step, "__index__") or step < 0:
            raise ValueError(
                f"a report must have a whole number as its step, got {step!r}; count steps from 1"
            )
        if self.reporter is not None:
            self.reporter.report(step.__index__(), found, checked)


def _reported(name: str, value: Any) -> float:
    """Return a reported number as a float; raises ValueError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= LARGEST_LOSS:
        raise ValueError(
            f"a report must have a number within {LARGEST_LOSS:g} in size as its {name}, got {value!r}; "
            "raise an exception for a model that diverged"
        )
    return number


@dataclass(frozen=True, slots=True)
class Objective:
    """A callable with the names of the extra arguments that it accepts."""

    call: Callable[..., Any]
    wants: frozenset[str]

    def __call__(self, params: Any, *, kwargs: Mapping[str, Any], **extras: Any) -> Any:
        """Call the objective with `params`, `kwargs` and those of `extras` that it accepts."""
        return self.call(params, **kwargs, **{name: extras[name] for name in self.wants})


def load(name: str) -> Any:
    """Return the object that `module:name` refers to; raises ObjectiveError."""
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if module_name == missing or module_name.startswith(f"{missing}."):
            raise ObjectiveError(
                f"{name!r} must be importable where trials run, got: no module named {missing!r}; check the "
                f"spelling, or {WAYS}"
            ) from None
        raise ObjectiveError(
            f"{name!r} must be importable where trials run, got: {module_name} imports {missing!r}, which is "
            f"not there; {WAYS}"
        ) from error
    except SyntaxError as error:
        raise ObjectiveError(
            f"{name!r} must be importable where trials run, got {type(error).__name__}: {error.msg} "
            f"({error.filename}, line {error.lineno}); correct that line"
        ) from error
    except (Exception, SystemExit) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise ObjectiveError(
            f"{name!r} must be importable where trials run, got {type(error).__name__}: {error} "
            f"({where.filename}, line {where.lineno}); correct what the module does when it is imported"
        ) from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ObjectiveError(
            f"{name!r} must exist, but {module_name} ({getattr(module, '__file__', 'built in')}) has no "
            f"{attribute!r}; check the spelling"
        ) from None


def load_objective(name: str, *, kwargs: Mapping[str, Any], extras: frozenset[str]) -> Objective:
    """Import an objective; raises ObjectiveError unless it takes params, `kwargs` and some of `extras`."""
    found = load(name)
    if not callable(found):
        raise ObjectiveError(
            f"the objective {name!r} must be callable, got {type(found).__name__}; "
            "name a function that takes the params and returns a loss"
        )
    try:
        signature = inspect.signature(found)
    except ValueError:  # a builtin without a signature
        return Objective(found, frozenset())
    wants = extras_wanted(name, signature, given=kwargs, extras=extras)
    return Objective(found, wants)
