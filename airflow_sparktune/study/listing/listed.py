"""The studies of a task, as the names in a listing of the task's folder tell."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from airflow_sparktune.study.journal.events import STREAM_NAME
from airflow_sparktune.study.journal.streams import FOLDER as ATTEMPTS
from airflow_sparktune.study.journal.streams import Chunk, attempt_of
from airflow_sparktune.study.note import FOLDER as NOTES

_RUN = re.compile(r"[A-Za-z0-9._-]+")
_STUDY = re.compile(
    rf"(?P<run>{_RUN.pattern})/((?P<index>[0-9]{{1,9}})/)?g(?P<generation>0|[1-9][0-9]{{0,3}})/(?P<file>.*)"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT.*")


class Mark(NamedTuple):
    """The newest opened stream of a study, and the number of its last event.

    Events never change, so that two reads of a study at one mark give the same.
    """

    stream: str
    events: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The newest study of a task instance.

    `path` is its folder below the folder of the task, `run` the name of its run's folder. `mark` is None if
    no attempt has opened the study. `closed_folder` tells that a folder of it cannot be listed, `noted` that
    a person has written a note.
    """

    path: str
    run: str
    map_index: int
    generation: int
    mark: Mark | None
    closed_folder: bool = False
    noted: bool = False

    @property
    def instance(self) -> tuple[str, int]:
        """Return the task instance: its run's folder and its map index."""
        return self.run, self.map_index

    @property
    def order(self) -> tuple[str, str, int]:
        """Return a sort key: the date at the end of Airflow's run ids, the name, then the map index."""
        date = _DATE.search(self.run)
        return (date[0] if date else "", self.run, self.map_index)


def listed(paths: Iterable[str]) -> list[Listed]:
    """Return the newest study of each task instance, newest run first; `paths` are those of all files."""
    files: dict[tuple[str, int], dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    found: dict[tuple[str, int], Listed] = {}
    for path in paths:
        if (match := _STUDY.fullmatch(path)) is not None:
            instance = match["run"], -1 if match["index"] is None else int(match["index"])
            files[instance][int(match["generation"])].append(match["file"])
        elif path.endswith("/") and _RUN.fullmatch(run := path.partition("/")[0]):
            found[run, -1] = Listed(path.rstrip("/"), run, -1, 0, None, closed_folder=True)
    for (run, index), generations in files.items():
        newest = max(generations)
        path = "/".join([run, *([str(index)] if index >= 0 else []), f"g{newest}"])
        files_of = generations[newest]
        noted = any(file.startswith(f"{NOTES}/") for file in files_of)
        found[run, index] = Listed(path, run, index, newest, mark_of(files_of), noted=noted)
    return sorted(found.values(), key=lambda each: each.order, reverse=True)


def mark_of(files: Iterable[str]) -> Mark | None:
    """Return the mark of a study with these files."""
    chunks: dict[str, list[Chunk]] = defaultdict(list)
    for file in files:
        folder, _, rest = file.partition("/")
        stream, _, name = rest.partition("/")
        if folder == ATTEMPTS and STREAM_NAME.fullmatch(stream) and (chunk := Chunk.named(stream, name)):
            chunks[stream].append(chunk)
    opened = [stream for stream, found in chunks.items() if any(chunk.first == 1 for chunk in found)]
    newest = max(opened, key=lambda stream: (attempt_of(stream), stream), default=None)
    return None if newest is None else Mark(newest, max(chunk.last for chunk in chunks[newest]))
