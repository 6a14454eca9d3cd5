"""The task instance that a page is about, and the catalogue that finds its study folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from airflow_sparktune.study.listing.folder import TaskFolder


@dataclass(frozen=True, slots=True)
class TaskKey:
    """A task instance, or the task if `run_id` is empty; with `segment`, that segment's study in it."""

    dag_id: str
    task_id: str
    run_id: str = ""
    map_index: int = -1
    segment: str | None = None


class Catalogue(Protocol):
    """Finds study folders; the page opens no other folders."""

    def title(self, key: TaskKey) -> str:
        """Return the title of a page about `key`."""

    def dags(self, dag_ids: Iterable[str]) -> list[str]:
        """Return those of the DAGs that have a folder, sorted."""

    def task_ids(self, dag_id: str) -> list[str]:
        """Return the names of the tasks' folders of a DAG, sorted."""

    def tasks(self, dag_id: str) -> Iterable[tuple[TaskKey, list[TaskFolder]]]:
        """Return the tasks of a DAG that have a folder, each as `folders` returns it."""

    def folders(self, task: TaskKey) -> list[TaskFolder]:
        """Return the folders with studies of a task; the first one with studies of a task instance wins."""

    def generations(self, key: TaskKey) -> Mapping[int, str]:
        """Return the addresses of a task instance's studies or applications by generation, newest first."""

    def record(self, task: TaskKey) -> str | None:
        """Return the folder with the task's record of champions, or None if there is no record."""

    def trouble(self) -> str | None:
        """Return the reason why no study can be found at all, or None."""
