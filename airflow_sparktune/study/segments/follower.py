"""Follow the studies of an application's segments."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.address import address_of, segment_folder, split
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

_CLOSED_EVERY = 10


class SegmentsFollower:
    """Keeps the studies of an application's segments up to date with their journals.

    `study` has those that have begun, by the names of their segments. A segment without a folder waits, and
    costs nothing. A study that has ended is read with every tenth refresh only, unless `whole` is set: a
    later attempt may continue it.
    """

    def __init__(self, application: str, names: Sequence[str]) -> None:
        self.study: dict[str, Study] = {}
        self.whole = False
        self._refreshes = 0
        self._application = application
        self._names = names
        self._followers: dict[str, StudyFollower] = {}
        own = split(application)
        self._folder = open_storage(application if own is None else own[0])
        self._waiting = set(names)

    def refresh(self) -> None:
        """Read the events added since the last call; raises the StorageError of a study once all are read."""
        if self._waiting:
            found = set(self._folder.names(""))
            for name in [name for name in self._names if name in self._waiting]:
                if segment_folder(name) in found:
                    self._followers[name] = StudyFollower(open_storage(address_of(self._application, name)))
                    self._waiting.remove(name)
        closed_too = self.whole or self._refreshes % _CLOSED_EVERY == 0
        self._refreshes += 1
        failed: StorageError | None = None
        for name, follower in self._followers.items():
            if closed_too or follower.study.closed is None:
                try:
                    follower.refresh()
                except StorageError as error:
                    failed = failed or error
                if follower.study.attempts:
                    self.study[name] = follower.study
        if failed is not None:
            raise failed
