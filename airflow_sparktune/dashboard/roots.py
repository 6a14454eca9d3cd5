"""The catalogue of the configured storage roots."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from airflow_sparktune.dashboard.place import Place
from airflow_sparktune.study.address import part, study_address
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

_GENERATION = re.compile(r"g([0-9]{1,9})")
_MAP_INDEX = re.compile(r"[0-9]{1,9}")
_FOLDER = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class StorageRoots:
    """Study folders under `roots`, and nowhere else; the first root that has a study wins."""

    roots: tuple[str, ...]

    @classmethod
    def configured(cls) -> StorageRoots:
        """`[sparktune] storage`, and the comma-separated `more_storage` for operators with their own."""
        from airflow.configuration import AIRFLOW_HOME, conf

        first = conf.get("sparktune", "storage", fallback="") or f"{AIRFLOW_HOME}/sparktune"
        more = conf.get("sparktune", "more_storage", fallback="") or ""
        return cls(tuple(root.strip() for root in (first, *more.split(",")) if root.strip()))

    def title(self, place: Place) -> str:
        """What a page about it is called."""
        index = f", map index {place.map_index}" if place.map_index >= 0 else ""
        return f"{place.dag_id}.{place.task_id}, {place.run_id}{index}"

    def generations(self, place: Place) -> Mapping[int, str]:
        """The addresses of a task instance's studies by generation, the newest first."""
        for root in self.roots:
            for folder in _folders(root, place):
                found = sorted(_generations(folder), reverse=True) if self._inside(root, folder) else []
                addresses = {number: f"{folder}/g{number}" for number in found}
                if addresses:
                    return {number: at for number, at in addresses.items() if self._inside(root, at)}
        return {}

    def runs(self, place: Place) -> Sequence[Place]:
        """The task instances of a task that have studies; a run goes by its folder's name."""
        found: dict[Place, None] = {}
        for root in self.roots:
            task = f"{root.rstrip('/')}/{part(place.dag_id)}/{part(place.task_id)}"
            if not self._inside(root, task):
                continue
            for run in open_storage(task).names(""):
                names = open_storage(f"{task}/{run}").names("")
                if any(_GENERATION.fullmatch(name) for name in names):
                    found[replace(place, run_id=run)] = None
                for name in filter(_MAP_INDEX.fullmatch, names):
                    found[replace(place, run_id=run, map_index=int(name))] = None
        return tuple(found)

    def trouble(self) -> str | None:
        """What keeps every study from being found, in words."""
        missing = [root for root in self.roots if "://" not in root and not Path(root).is_dir()]
        if len(missing) < len(self.roots):
            return None
        # The path is for the log: a viewer of a DAG need not know the server's folders.
        log.warning("No storage root is there: %s", ", ".join(missing))
        return (
            "The storage that [sparktune] storage names is not there on the API server. It appears with "
            "the first tuning; where tunings have run, the API server and the workers must share it."
        )

    @staticmethod
    def _inside(root: str, address: str) -> bool:
        """Whether the address stays under the root, also when links are followed."""
        if "://" in root or Path(address).resolve().is_relative_to(Path(root).resolve()):
            return True
        log.warning("Refused to open %s: it leaves the storage root %s", address, root)
        return False


def _folders(root: str, place: Place) -> Iterator[str]:
    """Where the generations of a task instance may lie: by its run's id, else by its run's folder name."""
    first = study_address(
        root, dag_id=place.dag_id, task_id=place.task_id, run_id=place.run_id, map_index=place.map_index
    )
    by_id = first.rpartition("/")[0]
    yield by_id
    # The history knows a run by its folder alone, whose name may hold a hash instead of the id.
    if _FOLDER.fullmatch(place.run_id) and place.run_id.strip("."):
        parts = by_id.split("/")
        parts[-1 if place.map_index < 0 else -2] = place.run_id
        yield "/".join(parts)


def _generations(folder: str) -> list[int]:
    matches = map(_GENERATION.fullmatch, open_storage(folder).names(""))
    return [int(match[1]) for match in matches if match]
