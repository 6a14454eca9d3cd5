"""Read the result of a study once its application has ended."""

from __future__ import annotations

from airflow_sparktune.errors import DriverLost, SpecError, revive
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Closed
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.study import Study


def verdict(
    address: str,
    *,
    spec: Spec | None,
    before: Study,
    failure: Exception | None,
    again: str = "a retry",
) -> Study:
    """Return the study with the result of its newest attempt; raises the error that the attempt recorded.

    `spec` is the submitted one, None for a script. `before` is the study before the submission; results in it
    do not come from this application. `failure` is the error of the submission, if any. `again` describes in
    messages how to retry.
    """
    study = read_study(address).study
    news = _standing(study) != _standing(before)
    changed = study.spec.changed_identity(spec) if spec is not None and study.spec is not None else ()
    if changed and (news or failure is None):
        raise DriverLost(
            f"the study at {address} must be the submitted one, but its journal now holds another study "
            f"({', '.join(changed)} changed); {again} starts over"
        ) from failure
    if study.result_stands and (news or failure is None):
        return study
    if news and study.closed is not None and study.closed.error is not None:
        raise revive(study.closed.error) from failure
    if news:
        raise DriverLost(
            f"the driver ended without a verdict after {study.finished} finished trials; "
            f"{again} continues the study"
        ) from failure
    if failure is not None:
        raise DriverLost(
            f"a driver must open the study at {address}, but none did in this try; {failure}"
        ) from failure
    raise SpecError(
        f"the application must write a result to the study at {address}, but there is none; a script must "
        "tune with airflow_sparktune.SparkTrials, in a storage that both the driver and Airflow reach"
    )


def _standing(study: Study) -> tuple[int, Closed | None]:
    """Return the values that change when a driver writes to the study."""
    return study.attempts[-1].number if study.attempts else 0, study.closed
