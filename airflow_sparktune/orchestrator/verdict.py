"""Reads the result of a study once its application has ended."""

from __future__ import annotations

from airflow_sparktune.errors import DriverLost, SpecError, revive
from airflow_sparktune.study.journal.events import Closed
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.study import Study


def verdict(
    address: str,
    *,
    spec: Spec | None,
    before: Study,
    failure: Exception | None,
    again: str = "a retry",
) -> Study:
    """Return the study with the result of its newest attempt; raises the error that the attempt wrote.

    `spec` is the one that was submitted; a script has none. `before` is the study before the application was
    submitted: what it held then is no result of this application. `failure` is the error of the submission,
    if there is one; `again` says in messages how to try again.
    """
    study = read_study(address).study
    news = _standing(study) != _standing(before)
    changed = study.spec.changed_identity(spec) if spec is not None and study.spec is not None else ()
    if changed and (news or failure is None):
        raise DriverLost(
            f"the study at {address} must be the one that was asked for, but its journal holds another one "
            f"now ({', '.join(changed)} changed); {again} starts from zero there"
        ) from failure
    if study.result_stands and (news or failure is None):
        return study
    if news and study.closed is not None and study.closed.error is not None:
        raise revive(study.closed.error) from failure
    if news:
        raise DriverLost(
            f"the driver ended without a verdict after {study.finished} finished trials; "
            f"{again} goes on from there"
        ) from failure
    if failure is not None:
        raise DriverLost(
            f"a driver must open the study at {address}, but none has in this try; {failure}"
        ) from failure
    raise SpecError(
        f"the application must leave a result in the study at {address}, got none there; a script must "
        "tune with airflow_sparktune.SparkTrials, in a storage that it and Airflow both reach"
    )


def _standing(study: Study) -> tuple[int, Closed | None]:
    """Return what changes when a driver writes."""
    return study.attempts[-1].number if study.attempts else 0, study.closed
