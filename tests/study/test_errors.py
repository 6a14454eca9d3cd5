from __future__ import annotations

import json

import pytest

from airflow_sparktune import errors
from airflow_sparktune.errors import DriverLost, SparktuneError, describe, revive

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SparktuneError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_crosses_the_process_boundary(kind: type[SparktuneError]) -> None:
    """`revive` returns the class, message and retryability that `describe` wrote."""
    data = json.loads(json.dumps(describe(kind("max_evals must be at least 1"), traceback="Traceback")))
    error = revive(data)
    assert (type(error), str(error)) == (kind, "max_evals must be at least 1")
    assert data["retryable"] is kind.retryable
    assert data["traceback"] == "Traceback"


def test_an_unexpected_error_is_retryable() -> None:
    """A bug or a lost machine comes back as DriverLost, with its type and message."""
    error = revive(describe(KeyError("lr")))
    assert isinstance(error, DriverLost)
    assert str(error) == "the driver failed with KeyError: 'lr'"
    assert describe(KeyError("lr"))["retryable"] is error.retryable is True


def test_an_error_without_a_message_shows_its_class() -> None:
    """An error without a message gets its class name as message."""
    assert describe(MemoryError())["message"] == "MemoryError"


def test_an_unknown_deliberate_error_keeps_its_retryability() -> None:
    """An unknown subclass of SparktuneError keeps its retryability."""

    class Refined(errors.ObjectiveError):
        pass

    error = revive(describe(Refined("no such module")))
    assert (type(error), str(error)) == (SparktuneError, "no such module")
    assert not error.retryable


def test_damaged_error_data() -> None:
    """Incomplete data revives as an error that a retry may fix."""
    assert isinstance(revive({}), DriverLost)


def test_escape_sequences_are_removed_from_errors() -> None:
    """Messages from a journal or a server are logged, so escape sequences are reduced to their text."""
    hostile = "no\x1b[31m such\x07 module\u202e"
    for error in (
        SparktuneError(hostile),
        revive({"type": "SpecError", "message": hostile}),
        revive({"type": hostile}),
    ):
        assert "\x1b" not in str(error)
        assert "\x07" not in str(error)
    data = describe(ValueError(hostile), traceback=errors.format_error(ValueError(hostile)))
    assert data["message"] == "no[31m such module"
    assert "\x1b" not in data["traceback"]
