"""What a study came to, once its application has ended."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException

from airflow_sparktune.errors import DriverLost, revive
from airflow_sparktune.study.follow import read_study
from airflow_sparktune.study.study import Study


def verdict(address: str, *, attempts_before: int, failure: AirflowException | None) -> Study:
    """What the newest attempt came to; raises the error that it wrote down."""
    study = read_study(address).study
    if study.result_stands:
        return study
    if study.closed is not None and study.closed.error is not None and len(study.attempts) > attempts_before:
        raise revive(study.closed.error) from failure
    if failure is not None and len(study.attempts) <= attempts_before:
        raise DriverLost(
            f"the driver must open the study at {address}, but it ended before that; "
            f"the last lines of spark-submit say why. {failure}"
        ) from failure
    raise DriverLost(
        f"the driver ended without a verdict after {study.finished} finished trials; "
        "a retry goes on from there"
    ) from failure
