"""Name the study that a page is about, and find its folder in a catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """A task instance; without a run it is the task."""

    dag_id: str
    task_id: str
    run_id: str = ""
    map_index: int = -1


class Catalogue(Protocol):
    """Finds study folders; a folder that it does not name is never opened."""

    def title(self, place: Place) -> str:
        """The title of a page about `place`."""

    def generations(self, place: Place) -> Mapping[int, str]:
        """The addresses of a task instance's studies by generation, the newest first."""

    def runs(self, task: Place, *, most: int) -> tuple[Sequence[Place], int]:
        """The newest task instances of a task that have studies, and how many older runs were left out."""

    def record(self, task: Place) -> str | None:
        """The folder that holds the champions of a task on record; None where it has none."""

    def trouble(self) -> str | None:
        """Why no study can be found at all, in words; None where nothing is wrong."""
