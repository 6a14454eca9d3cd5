"""Stop Airflow from retrying a task after an error that a retry cannot solve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.errors import SparktuneError


@contextmanager
def final_errors() -> Iterator[None]:
    """Raise AirflowFailException in place of an error of this package for which a retry cannot help."""
    try:
        yield
    except SparktuneError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error
