"""Import the user's function by name, check its signature, and call it with the arguments it accepts."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.study.signature import extras_wanted

# How to make code importable where trials run.
WAYS = (
    "put it beside the DAG file, send it with py_files, or give executors an environment that has it "
    "(archives, or their image)"
)


@dataclass(frozen=True, slots=True)
class TrialContext:
    """The argument of an objective that has a parameter named `trial`.

    `seed` is derived from the study's seed and the trial's number, so interruptions of the study do not
    change it. In a confirmation `purpose` is "confirm", and all configurations of one repeat have the same
    `seed`.
    """

    number: int
    seed: int
    attempt: int
    tries: int
    purpose: str = "search"


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
