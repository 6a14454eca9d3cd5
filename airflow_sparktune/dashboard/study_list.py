"""The studies of tasks as rows, which stay in memory while their studies do not change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from threading import Lock

from airflow_sparktune.study.files.airflow_task import AirflowTask
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Instance, Listed
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """The rows and followers kept for a task, by the paths of its studies; running studies have followers."""

    rows: dict[str, StudyRow] = field(default_factory=dict)
    followed: dict[str, StudyFollower] = field(default_factory=dict)
    tasks: dict[str, AirflowTask] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Return the number of rows, and that of the trials in the followers."""
        trials = sum(len(each.study.trials) for each in list(self.followed.values()))
        return len(self.rows) + trials


class StudyList:
    """Reads the rows of tasks, and keeps about `rows` of them: those of the tasks that were asked for last.

    A task of which nothing is kept is read from its pack, so that more tasks than fit cost little. Of a study
    that goes on, only what is new is read; a trial in memory counts as a row.
    """

    def __init__(self, *, rows: int = 40_000) -> None:
        self._most = rows
        self._known: OrderedDict[str, _Kept] = OrderedDict()
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
        seen: set[Instance] = set()
        for each in folders:
            if not each.studies:  # memory is for tasks that exist
                continue
            studies = [study for study in each.studies if study.instance not in seen]
            seen.update(study.instance for study in studies)
            own = self._kept_of(f"{each.address}/{each.part}", studies)
            folder = replace(each, known=own.rows, followed=own.followed, tasks=own.tasks)
            kept = folder.kept(studies)
            rows += kept.items()
            missing += [(folder, study) for study in studies if study not in kept]
        runs = sorted({study.order[:2] for study, _ in rows} | {study.order[:2] for _, study in missing})
        shown = set(runs[-newest:])
        unread = [(folder, study) for folder, study in missing if study.order[:2] in shown]
        self._make_room()
        return Found(rows, unread, len({study.order[:2] for _, study in missing} - shown))

    def _kept_of(self, address: str, studies: list[Listed]) -> _Kept:
        """Return what is in memory of a task, without studies that are gone."""
        there = {each.path for each in studies}
        with self._lock:
            kept = self._known.setdefault(address, _Kept())
            self._known.move_to_end(address)
            for path in kept.rows.keys() - there:
                del kept.rows[path]
                kept.followed.pop(path, None)
                kept.tasks.pop(path, None)
            return kept

    def _make_room(self) -> None:
        with self._lock:
            total = sum(kept.size for kept in self._known.values())
            while len(self._known) > 1 and total > self._most:
                total -= self._known.popitem(last=False)[1].size
            if total > self._most:
                for kept in self._known.values():
                    kept.followed.clear()
