"""The task instance that a page is about, and the catalogue that finds its study folders."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TaskKey:
    """A task instance, or the task if `run_id` is empty."""

    dag_id: str
    task_id: str
    run_id: str = ""
    map_index: int = -1


class Catalogue(Protocol):
    """Finds study folders; the page opens no other folders."""

    def title(self, key: TaskKey) -> str:
        """Return the title of a page about `key`."""

    def tasks(self, dag_ids: Collection[str]) -> Iterator[TaskKey]:
        """Yield the tasks of these DAGs that have a folder of studies, sorted by their ids."""

    def generations(self, key: TaskKey) -> Mapping[int, str]:
        """Return the addresses of a task instance's studies by generation, newest first."""

    def runs(self, task: TaskKey, *, most: int) -> tuple[Sequence[TaskKey], int]:
        """Return the newest task instances of a task that have studies, and the number of older runs."""

    def record(self, task: TaskKey) -> str | None:
        """Return the folder with the task's record of champions, or None if there is no record."""

    def trouble(self) -> str | None:
        """Return the reason why no study can be found at all, or None."""
