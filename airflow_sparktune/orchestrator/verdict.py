"""What a study came to, once its application has ended."""

from __future__ import annotations

import logging

from airflow_sparktune.errors import DriverLost, SpecError, revive
from airflow_sparktune.study.follow import read_study
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.study import Closed, Study

log = logging.getLogger(__name__)


def verdict(
    address: str,
    *,
    spec: Spec | None,
    before: Study,
    failure: Exception | None,
    way_out: str = "a retry goes on from there",
) -> Study:
    """The study with the result of its newest attempt; raises the error that the attempt wrote down.

    `spec` is what was asked for; a script, which asks for itself, has none. `before` is the study before the
    application was submitted, or reconnected to: what that held already is not this application's doing.
    `failure` is what whoever submitted says went wrong, if anything.
    """
    study = read_study(address).study
    news = _standing(study) != _standing(before)
    changed = study.spec.changed_identity(spec) if spec is not None and study.spec is not None else ()
    if changed and (news or failure is None):
        raise DriverLost(
            f"the study at {address} must be the one that was asked for, got another one "
            f"({', '.join(changed)} changed): an application of an earlier try was still at work there; "
            "a retry starts anew"
        ) from failure
    if study.result_stands and (news or failure is None):
        if spec is not None and not study.answers(spec):
            log.warning(
                "this result was found within the limits of an earlier try, whose application went on; "
                "clear the task to tune within the new ones"
            )
        return study
    if news and study.closed is not None and study.closed.error is not None:
        raise revive(study.closed.error) from failure
    if news:
        raise DriverLost(
            f"the driver ended without a verdict after {study.finished} finished trials; {way_out}"
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
    """By which it shows that a driver has written something since."""
    return study.attempts[-1].number if study.attempts else 0, study.closed
