"""The catalogue of the configured storage roots."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from pathlib import Path

from airflow_sparktune.dashboard.task_key import TaskKey
from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.address import part, study_address, task_folder
from airflow_sparktune.study.generations import GENERATION, generations
from airflow_sparktune.study.record.champions import FOLDER as RECORD
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

_MAP_INDEX = re.compile(r"[0-9]{1,9}")
_FOLDER = re.compile(r"[A-Za-z0-9._-]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT.*")
# If a task instance was cleared more often, the page offers only its newest studies.
_MOST_GENERATIONS = 50


@dataclass(frozen=True, slots=True)
class StorageRoots:
    """The catalogue of the study folders under `roots`; the first root with a study of the task wins."""

    roots: tuple[str, ...]

    @classmethod
    def configured(cls) -> StorageRoots:
        """Return the roots in `[sparktune] storage` and in `more_storage`, which is comma-separated.

        `more_storage` is for operators with their own storage.
        """
        from airflow.configuration import AIRFLOW_HOME, conf

        first = conf.get("sparktune", "storage", fallback="") or f"{AIRFLOW_HOME}/sparktune"
        more = conf.get("sparktune", "more_storage", fallback="") or ""
        return cls(tuple(root.strip() for root in (first, *more.split(",")) if root.strip()))

    def title(self, key: TaskKey) -> str:
        """Return the title of a page about `key`."""
        index = f", map index {key.map_index}" if key.map_index >= 0 else ""
        return f"{key.dag_id}.{key.task_id}, {key.run_id}{index}"

    def tasks(self, dag_ids: Collection[str]) -> Iterator[TaskKey]:
        """Yield the tasks of these DAGs that have a folder, sorted by their ids.

        The folders of the DAGs are computed from `dag_ids`; no file says which DAG a folder belongs to.
        """
        for dag_id in sorted(dag_ids):
            found: set[str] = set()
            for root in self.roots:
                above = f"{root.rstrip('/')}/{part(dag_id)}"
                found.update(open_storage(above).names("") if _inside(root, above) else ())
            for name in sorted(found):
                if _FOLDER.fullmatch(name):
                    yield TaskKey(dag_id, name)

    def generations(self, key: TaskKey) -> Mapping[int, str]:
        """Return the addresses of a task instance's studies by generation, newest first."""
        for root in self.roots:
            for folder in _folders(root, key):
                newest = generations(folder)[:_MOST_GENERATIONS] if _inside(root, folder) else []
                found = {number: f"{folder}/g{number}" for number in newest}
                found = {number: address for number, address in found.items() if _inside(root, address)}
                if found:
                    return found
        return {}

    def runs(self, task: TaskKey, *, most: int) -> tuple[Sequence[TaskKey], int]:
        """Return the newest task instances of a task that have studies, and the number of older runs.

        A run is identified by the name of its folder. Only the newest `most` folders are listed.
        """
        folders: dict[str, str] = {}
        for root in self.roots:
            above = f"{root.rstrip('/')}/{part(task.dag_id)}/{part(task.task_id)}"
            for run in open_storage(above).names("") if _inside(root, above) else ():
                if run != RECORD:
                    folders.setdefault(run, f"{above}/{run}")
        newest = nlargest(most, folders, key=_by_date)
        found = [key for run in newest for key in _instances(task, run, folders[run], most=most)]
        return found, max(0, len(folders) - len(newest))

    def record(self, task: TaskKey) -> str | None:
        """Return the folder with the task's record of champions, or None if there is no record."""
        for root in self.roots:
            folder = task_folder(root, dag_id=task.dag_id, task_id=task.task_id)
            above = f"{folder}/{RECORD}"
            names = open_storage(above).names("") if _inside(root, above) else []
            if names and all(_inside(root, f"{above}/{name}") for name in names):
                return folder
        return None

    def trouble(self) -> str | None:
        """Return the reason why no study can be found at all, or None."""
        missing = [root for root in self.roots if "://" not in root and not Path(root).is_dir()]
        if len(missing) < len(self.roots):
            return None
        # Only the log has the path, because viewers of a DAG need not know the server's folders.
        log.warning("No storage root exists: %s", ", ".join(missing))
        return (
            "The folder in [sparktune] storage does not exist on the API server. The first tuning creates "
            "it; if tunings have run already, the API server and the workers must share it."
        )


def _instances(task: TaskKey, run: str, folder: str, *, most: int) -> Iterable[TaskKey]:
    if not _FOLDER.fullmatch(run):
        return
    try:
        names = open_storage(folder).names("")
    except StorageError:
        yield replace(task, run_id=run)  # its row says that it cannot be read
        return
    if any(map(GENERATION.fullmatch, names)):
        yield replace(task, run_id=run)
    indices = sorted(int(name) for name in names if _MAP_INDEX.fullmatch(name))
    for index in indices[:most]:
        yield replace(task, run_id=run, map_index=index)


def _by_date(run: str) -> tuple[str, str]:
    """Return a sort key: the date at the end of Airflow's run ids, then the name."""
    date = _DATE.search(run)
    return (date[0] if date else "", run)


def _inside(root: str, address: str) -> bool:
    """Return whether the path below the root has no link, which could lead to another task's study.

    The root itself may be a link or below one.
    """
    if "://" in root:
        return True
    expected = Path(root).resolve() / Path(address).relative_to(Path(root))
    if Path(address).resolve() == expected:
        return True
    log.warning("Did not open %s, because a link below the storage root %s leads elsewhere", address, root)
    return False


def _folders(root: str, key: TaskKey) -> Iterator[str]:
    """Yield the folders that may hold the generations of a task instance.

    The first is that of its run id, the second that of its run's folder name.
    """
    first = study_address(
        root, dag_id=key.dag_id, task_id=key.task_id, run_id=key.run_id, map_index=key.map_index
    )
    by_id = first.rpartition("/")[0]
    yield by_id
    # The history may know only a run's folder, whose name may contain a hash.
    if _FOLDER.fullmatch(key.run_id) and key.run_id.strip("."):
        parts = by_id.split("/")
        parts[-1 if key.map_index < 0 else -2] = key.run_id
        yield "/".join(parts)
