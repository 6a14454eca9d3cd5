"""The errors that this package raises on purpose. Each class states whether retrying the task can help.

A message gives the rule, the value and the way out. Between processes an error travels as JSON data: see
`describe` and `revive`.
"""

from __future__ import annotations

from collections.abc import Mapping
from traceback import format_exception, format_tb
from typing import Any, ClassVar

from airflow_sparktune.printable import printable

__all__ = [
    "DriverLost",
    "IncumbentBroken",
    "NoSuccess",
    "ObjectiveError",
    "PlatformError",
    "RecordError",
    "SegmentsFailed",
    "SparktuneError",
    "SpecError",
    "StorageError",
    "StorageUnavailable",
    "Superseded",
]


class SparktuneError(Exception):
    """Base class of all errors that this package raises on purpose.

    A message may quote a journal or a server, so control characters are removed from it.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*(printable(each) if isinstance(each, str) else each for each in args))


class SpecError(SparktuneError, ValueError):
    """The request is wrong: a space, a limit or an argument. A retry would fail in the same way."""


class ObjectiveError(SparktuneError):
    """The objective cannot be used: not found, not callable, or every trial of it failed."""


class NoSuccess(ObjectiveError):
    """The study has ended without a successful trial."""


class IncumbentBroken(ObjectiveError):
    """The production configuration fails on today's data, so candidates cannot be compared with it."""


class SegmentsFailed(SparktuneError):
    """Segments of an application have failed in a way that no retry helps; the others have their results."""


class PlatformError(SparktuneError):
    """The environment is misconfigured: connection, Java, Python or deploy mode. A person has to fix it."""


class StorageError(SparktuneError):
    """The study folder cannot be read or written with the current settings."""


class StorageUnavailable(StorageError):
    """The study folder does not respond, or its disk is full. A retry may succeed."""

    retryable = True


class RecordError(SparktuneError):
    """The record of champions cannot be read: an entry is incomplete, missing, or of a later version."""


class Superseded(SparktuneError):
    """A newer attempt has taken over the study. This driver must not write to it any more."""


class DriverLost(SparktuneError):
    """The driver ended without a verdict. The next attempt continues the study."""

    retryable = True


def format_error(error: BaseException) -> str:
    """Return the error with its traceback; only the traceback if the error cannot be converted to text.

    Control characters, which a terminal would obey, are removed.
    """
    try:
        return printable("".join(format_exception(error)).rstrip())
    except Exception:  # noqa: BLE001 - __str__ of a user's exception class may raise anything
        return (
            f"{''.join(format_tb(error.__traceback__))}{type(error).__qualname__} (its text cannot be read)"
        )


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
    """Return the error that `describe` wrote; an error of any other class comes back as `DriverLost`.

    A `SparktuneError` of an unknown subclass stays not retryable.

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
