"""The deliberate errors; each class says whether trying the same task again can help.

A message gives the rule, the value and the way out. Across the process boundary an error travels as
data, see `describe` and `revive`.
"""

from __future__ import annotations

from collections.abc import Mapping
from traceback import format_exception, format_tb
from typing import Any, ClassVar

from airflow_sparktune.study.journal.bounds import printable

__all__ = [
    "DriverLost",
    "IncumbentBroken",
    "NoSuccess",
    "ObjectiveError",
    "PlatformError",
    "RecordError",
    "SparktuneError",
    "SpecError",
    "StorageError",
    "StorageUnavailable",
    "Superseded",
]


class SparktuneError(Exception):
    """The base of all errors that this package raises on purpose.

    A message may quote a journal or a server; what a terminal would obey is left out of it.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*(printable(each) if isinstance(each, str) else each for each in args))


class SpecError(SparktuneError, ValueError):
    """The request is wrong: a space, a limit, an argument. A retry would ask the same again."""


class ObjectiveError(SparktuneError):
    """The objective cannot be used: not found, not callable, or every trial of it failed."""


class NoSuccess(ObjectiveError):
    """The study has ended, and no trial of it has succeeded."""


class IncumbentBroken(ObjectiveError):
    """What is in production fails on today's data, so that there is nothing to compare with."""


class PlatformError(SparktuneError):
    """The machines are not set up for it: connection, Java, Python, deploy mode. A person has to fix that."""


class StorageError(SparktuneError):
    """The study folder cannot be read or written the way it is set up."""


class StorageUnavailable(StorageError):
    """The study folder does not answer now, or has no room; a retry may find it well again."""

    retryable = True


class RecordError(SparktuneError):
    """The record of champions cannot be read as it is: torn, of a later version, or without that entry."""


class Superseded(SparktuneError):
    """A newer attempt has taken over the study; this driver must leave it alone."""


class DriverLost(SparktuneError):
    """The driver ended without a verdict; the next attempt goes on where it stopped."""

    retryable = True


def format_error(error: BaseException) -> str:
    """Return the error with its traceback, or where it was raised if it cannot be shown.

    What a terminal would obey is left out.
    """
    try:
        return printable("".join(format_exception(error)).rstrip())
    except Exception:  # noqa: BLE001 - an exception of the user's own class may do anything when looked at
        return f"{''.join(format_tb(error.__traceback__))}{type(error).__qualname__} (it cannot be shown)"


def describe(error: BaseException, *, traceback: str | None = None) -> dict[str, Any]:
    """Return the error as JSON data.

    >>> describe(SpecError("max_evals must be at least 1"))
    {'type': 'SpecError', 'message': 'max_evals must be at least 1', 'retryable': False, 'traceback': None}
    """
    return {
        "type": type(error).__name__,
        "message": _text(error) or type(error).__name__,
        "retryable": error.retryable if isinstance(error, SparktuneError) else True,
        "traceback": traceback,
    }


def _text(error: BaseException) -> str:
    try:
        return printable(str(error))
    except Exception:  # noqa: BLE001 - as above
        return ""


def revive(data: Mapping[str, Any]) -> SparktuneError:
    """Return the error that `describe` wrote down; one that was not deliberate comes back as `DriverLost`.

    A deliberate one of a class that is not listed here keeps its decision about a retry.

    >>> revive({"type": "ObjectiveError", "message": "no such module"})
    ObjectiveError('no such module')
    """
    kind = _KINDS.get(str(data.get("type")))
    if kind is not None:
        return kind(str(data.get("message")))
    if data.get("retryable") is False:
        return SparktuneError(str(data.get("message")))
    return DriverLost(f"the driver failed with {data.get('type')}: {data.get('message')}")


_KINDS: Mapping[str, type[SparktuneError]] = {
    name: kind
    for name, kind in globals().items()
    if isinstance(kind, type) and issubclass(kind, SparktuneError) and kind is not SparktuneError
}
