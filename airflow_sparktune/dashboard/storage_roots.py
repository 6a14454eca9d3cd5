"""The catalogue of the configured storage roots."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from airflow_sparktune.dashboard.task_key import TaskKey
from airflow_sparktune.study.address import part, segment_folder, study_address, task_folder
from airflow_sparktune.study.files.generations import generations
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.record.champions import FOLDER as RECORD
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.storage.below import Below

log = logging.getLogger(__name__)

_FOLDER = re.compile(r"[A-Za-z0-9._-]+")
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
        index = f", map index {key.map_index}" if key.map_index >= 0 else ""
        segment = "" if key.segment is None else f", segment {key.segment}"
        return f"{key.dag_id}.{key.task_id}, {key.run_id}{index}{segment}"

    def dags(self, dag_ids: Iterable[str]) -> list[str]:
        """Return those of the DAGs that have a folder, sorted.

        The folders are computed from `dag_ids`: no file says which DAG a folder belongs to.
        """
        names = {name for root in self.roots for name in open_storage(root).names("")}
        return sorted(dag_id for dag_id in dag_ids if part(dag_id) in names)

    def task_ids(self, dag_id: str) -> list[str]:
        addresses = [f"{root.rstrip('/')}/{part(dag_id)}" for root in self.roots]
        names = {name for address in addresses for name in open_storage(address).names("")}
        return sorted(filter(_FOLDER.fullmatch, names))

    def tasks(self, dag_id: str) -> Iterator[tuple[TaskKey, list[TaskFolder]]]:
        """Yield the tasks of a DAG that have a folder, by the names of the folders."""
        found: dict[str, list[TaskFolder]] = defaultdict(list)
        for root in self.roots:
            storage, above = open_storage(root), part(dag_id)
            paths = ((path.partition("/"), path) for path in storage.tree(above))
            for name, group in groupby(paths, key=lambda item: item[0][0]):
                below = [rest for (_, _, rest), _ in group]
                address = f"{above}/{name}"
                found[name].append(TaskFolder.listed(f"{root}/{address}", Below(storage, address), below))
        for name, folders in sorted(found.items()):
            if _FOLDER.fullmatch(name):
                yield TaskKey(dag_id, name), folders

    def folders(self, task: TaskKey) -> list[TaskFolder]:
        """Return the task's folder of each root."""
        folder = f"{part(task.dag_id)}/{part(task.task_id)}"
        storages = [(root, open_storage(root)) for root in self.roots]
        return [
            TaskFolder.listed(f"{root}/{folder}", Below(storage, folder), storage.tree(folder))
            for root, storage in storages
        ]

    def generations(self, key: TaskKey) -> Mapping[int, str]:
        for root in self.roots:
            for folder in _folders(root, key):
                newest = generations(folder)[:_MOST_GENERATIONS] if _inside(root, folder) else []
                found = {number: f"{folder}/g{number}" for number in newest}
                found = {number: address for number, address in found.items() if _inside(root, address)}
                if found:
                    return found
        return {}

    def record(self, task: TaskKey) -> str | None:
        for root in self.roots:
            folder = task_folder(root, dag_id=task.dag_id, task_id=task.task_id)
            above = f"{folder}/{RECORD}"
            names = open_storage(above).names("") if _inside(root, above) else []
            if names and all(_inside(root, f"{above}/{name}") for name in names):
                return folder
        return None

    def trouble(self) -> str | None:
        missing = [root for root in self.roots if "://" not in root and not Path(root).is_dir()]
        if len(missing) < len(self.roots):
            return None
        # Only the log has the path, because viewers of a DAG need not know the server's folders.
        log.warning("No storage root exists: %s", ", ".join(missing))
        return (
            "The folder in [sparktune] storage does not exist on the API server. The first tuning creates "
            "it; if tunings have run already, the API server and the workers must share it."
        )


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
    segment = [] if key.segment is None else [segment_folder(key.segment)]
    yield "/".join([by_id, *segment])
    # The history may know only a run's folder, whose name may contain a hash.
    if _FOLDER.fullmatch(key.run_id) and key.run_id.strip("."):
        parts = by_id.split("/")
        parts[-1 if key.map_index < 0 else -2] = key.run_id
        yield "/".join([*parts, *segment])
