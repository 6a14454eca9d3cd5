"""Parse Spark's error messages: whether the application has ended, and why a worker was lost."""

from __future__ import annotations

import re

# Messages of Spark that mean that the application has ended, not just a trial.
_ENGINE_GONE = (
    "SparkContext was shut down",
    "SparkContext has been shutdown",
    "stopped SparkContext",
    "removed our application",
    "All masters are unresponsive",
)

# The line of a Python traceback with the error.
_PYTHON_ERROR = re.compile(r"^[\w.]+(?:Error|Exception|Exit|Interrupt)\b.*", re.MULTILINE)


def application_has_ended(text: str) -> bool:
    """Return whether a message means that the application has ended, not just a trial."""
    return any(sign in text for sign in _ENGINE_GONE)


def first_line(text: str) -> str:
    """Return the first line of a text, or "no reason given"."""
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


def cause(text: str) -> str:
    r"""Return the cause in Spark's message about a failed job, without stack traces.

    >>> cause("org.apache.spark.SparkException: Job aborted due to stage failure: lost")
    'lost'
    >>> cause("From the Python worker:\nTraceback (most recent call last):\n  File ...\nKeyError: 'x'")
    "KeyError: 'x'"
    >>> cause("Exception: Python worker exited unexpectedly (crashed). Consider setting 'spark.python...'")
    'Python worker exited unexpectedly (crashed).'
    """
    _, traceback, rest = text.partition("Traceback (most recent call last)")
    if traceback and (named := _PYTHON_ERROR.findall(rest)):
        return str(named[-1])
    first = first_line(text).partition(" Consider setting ")[0]  # advice on how to debug PySpark
    for lead in ("Job aborted due to stage failure: ", "Exception: "):
        _, found, rest = first.partition(lead)
        if found:
            first = rest
    return first
