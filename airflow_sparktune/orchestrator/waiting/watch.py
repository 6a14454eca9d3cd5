"""Watch a study for its end, in looks that take no longer than its storage and its cluster need to answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from airflow_sparktune.errors import StorageError
from airflow_sparktune.orchestrator.deploy.run import Standing
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

# The cluster is asked at every third look: a driver that ends in order has written so in the journal.
ASK_EVERY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(JsonObject):
    """The study or the application to wait for, as plain data.

    `study` is the address of a journal to read; None if only the application's end counts. `attempt` and
    `closed` are the study's standing before. `application` is the id of an application in the cluster of the
    connection `conn_id`. Without one, the driver counts as lost after `patience_s` in which it has written
    nothing; before the first event they count from `since`.
    """

    WHAT: ClassVar[str] = "what a task waits for"

    study: str | None = stored(shape.text, default=None)
    attempt: int = stored(shape.whole, default=0)
    closed: float | None = stored(shape.moment, default=None)
    application: str | None = stored(shape.text, default=None)
    conn_id: str | None = stored(shape.text, default=None)
    since: float = stored(shape.moment, default=0.0)
    patience_s: float = stored(shape.seconds, default=0.0)

    @property
    def before(self) -> Standing:
        """Return the study's standing before."""
        return Standing(self.attempt, self.closed)


class How(StrEnum):
    """The reason for which the wait has ended."""

    VERDICT = "verdict"  # in the journal
    APPLICATION = "application"  # has ended
    SILENCE = "silence"  # of the journal
    TROUBLE = "trouble"  # neither storage nor cluster can be asked from here


@dataclass(frozen=True, slots=True, kw_only=True)
class End(JsonObject):
    """The end of the waiting; `detail` is the status of the application, or what the trouble is."""

    WHAT: ClassVar[str] = "the end of a study's application"

    how: How = stored(How)
    detail: str | None = stored(shape.text, default=None)


class Watch:
    """Looks whether a study has ended. `status` returns that of its ended application, None while it runs."""

    def __init__(
        self,
        waiting: Waiting,
        *,
        status: Callable[[], str | None] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._waiting = waiting
        self._status = status
        self._wall = wall
        self._follower: StudyFollower | None = None
        self._looks = 0

    def look(self) -> End | None:
        """Return the end of the waiting, None if it goes on.

        Raises the error of the storage or of the cluster. An application's end is noticed even if the storage
        does not respond.
        """
        self._looks += 1
        problem = None
        try:
            found = self._in_journal()
        except StorageError as error:
            found, problem = None, error
        if found is None and self._status is not None and self._looks % ASK_EVERY == 0:
            status = self._status()
            found = None if status is None else End(how=How.APPLICATION, detail=status)
        if found is None and problem is not None:
            raise problem
        return found

    def _in_journal(self) -> End | None:
        if self._waiting.study is None:
            return None
        if self._follower is None:
            self._follower = StudyFollower(open_storage(self._waiting.study))
        self._follower.refresh()
        study = self._follower.study
        if Standing.of(study) != self._waiting.before and self._is_over(study):
            return End(how=How.VERDICT)
        return End(how=How.SILENCE) if self._status is None and self._is_silent(study) else None

    def _is_over(self, study: Study) -> bool:
        # A cluster may start a failed driver again, within the same application.
        return study.has_verdict if self._status is None else study.result_stands

    def _is_silent(self, study: Study) -> bool:
        last = study.attempts[-1].last if study.attempts else 0.0
        return self._wall() - max(last, self._waiting.since) > self._waiting.patience_s
