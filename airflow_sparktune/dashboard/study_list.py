"""The studies of tasks as rows, which stay in memory while their studies do not change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Lock

from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Listed
from airflow_sparktune.study.listing.row import StudyRow

# What pages say in place of a row of None.
UNREADABLE_STUDY = "This study cannot be read; the API server's log has the details."


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a task's studies, newest run first; None for a study that cannot be read.

    `unread` are studies without a row so far, and `left_out` is the number of older runs without one.
    """

    rows: list[tuple[Listed, StudyRow | None]]
    unread: list[tuple[TaskFolder, Listed]]
    left_out: int


class StudyList:
    """Reads the rows of tasks, and keeps about `rows` of them: those of the tasks that were asked for last.

    A task of which nothing is kept is read from its pack, so that more tasks than fit cost little.
    """

    def __init__(self, *, rows: int = 20_000) -> None:
        self._most = rows
        self._known: OrderedDict[str, dict[str, StudyRow]] = OrderedDict()
        self._lock = Lock()

    def of(self, folders: Iterable[TaskFolder], *, newest: int) -> Found:
        """Return the rows of a task; of studies that only their journals tell, those of the `newest` runs."""
        found = self.known(folders, newest=newest)
        read = [(listed, folder.read(listed)) for folder, listed in found.unread]
        self._make_room()
        rows = sorted([*found.rows, *read], key=lambda item: item[0].order, reverse=True)
        return Found(rows, [], found.left_out)

    def known(self, folders: Iterable[TaskFolder], *, newest: int) -> Found:
        """Return the rows that need no journal, and which studies of the `newest` runs have none."""
        rows: list[tuple[Listed, StudyRow | None]] = []
        missing: list[tuple[TaskFolder, Listed]] = []
        seen: set[tuple[str, int]] = set()
        for each in folders:
            if not each.studies:  # memory is for tasks that exist
                continue
            studies = [study for study in each.studies if study.instance not in seen]
            seen.update(study.instance for study in studies)
            folder = replace(each, known=self._rows_of(each.address, studies))
            kept = folder.kept(studies)
            rows += kept.items()
            missing += [(folder, study) for study in studies if study not in kept]
        runs = sorted({study.order[:2] for study, _ in rows} | {study.order[:2] for _, study in missing})
        shown = set(runs[-newest:])
        unread = [(folder, study) for folder, study in missing if study.order[:2] in shown]
        self._make_room()
        return Found(rows, unread, len({study.order[:2] for _, study in missing} - shown))

    def _rows_of(self, address: str, studies: list[Listed]) -> dict[str, StudyRow]:
        """Return the rows in memory of a task, without those of studies that are gone."""
        there = {each.path for each in studies}
        with self._lock:
            rows = self._known.setdefault(address, {})
            self._known.move_to_end(address)
            for path in rows.keys() - there:
                del rows[path]
            return rows

    def _make_room(self) -> None:
        with self._lock:
            total = sum(map(len, self._known.values()))
            while len(self._known) > 1 and total > self._most:
                total -= len(self._known.popitem(last=False)[1])
