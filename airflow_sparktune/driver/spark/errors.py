"""Read what Spark says of a failed job: did the application end, and why was a worker lost."""

from __future__ import annotations

import re

# What Spark says when it is the application that ends, not a trial.
_ENGINE_GONE = (
    "SparkContext was shut down",
    "SparkContext has been shutdown",
    "stopped SparkContext",
    "removed our application",
    "All masters are unresponsive",
)

# The line of a Python traceback that names the error.
_PYTHON_ERROR = re.compile(r"^[\w.]+(?:Error|Exception|Exit|Interrupt)\b.*", re.MULTILINE)


def tells_of_the_end(text: str) -> bool:
    """Return whether a text says that the application has ended, and not a trial."""
    return any(sign in text for sign in _ENGINE_GONE)


def first_line(text: str) -> str:
    """Return the first line of a text, if it has any."""
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


def cause(text: str) -> str:
    r"""Return what Spark says of a failed job, without the stack traces.

    >>> cause("org.apache.spark.SparkException: Job aborted due to stage failure: lost")
    'lost'
    >>> cause("From the Python worker:\nTraceback (most recent call last):\n  File ...\nKeyError: 'x'")
    "KeyError: 'x'"
    """
    _, traceback, rest = text.partition("Traceback (most recent call last)")
    if traceback and (named := _PYTHON_ERROR.findall(rest)):
        return str(named[-1])
    first = first_line(text)
    for lead in ("Job aborted due to stage failure: ", "Exception: "):
        _, found, rest = first.partition(lead)
        if found:
            first = rest
    return first
