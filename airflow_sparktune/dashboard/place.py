"""Which study a page is about, and who knows where it lies."""

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
    """Finds study folders; what it does not name is not opened."""

    def title(self, place: Place) -> str:
        """What a page about it is called."""

    def generations(self, place: Place) -> Mapping[int, str]:
        """The addresses of a task instance's studies by generation, the newest first."""

    def runs(self, place: Place) -> Sequence[Place]:
        """The task instances of a task that have studies."""

    def trouble(self) -> str | None:
        """What keeps every study from being found, in words; None where nothing does."""
