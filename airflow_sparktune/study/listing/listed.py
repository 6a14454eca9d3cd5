"""The studies of a task, as the names in a listing of the task's folder tell."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from airflow_sparktune.study.files.note import FOLDER as NOTES
from airflow_sparktune.study.journal.events import STREAM_NAME
from airflow_sparktune.study.journal.streams import FOLDER as ATTEMPTS
from airflow_sparktune.study.journal.streams import Chunk, attempt_of
from airflow_sparktune.study.segments import NAME as SEGMENTS

_RUN = re.compile(r"[A-Za-z0-9._-]+")
_STUDY = re.compile(
    rf"(?P<run>{_RUN.pattern})/((?P<index>[0-9]{{1,9}})/)?((?P<segment>segment={_RUN.pattern})/)?"
    r"g(?P<generation>0|[1-9][0-9]{0,3})/(?P<file>.*)"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT.*")

# The folder of a run, a map index, and the folder of a segment; "" without segments.
Instance = tuple[str, int, str]


class Mark(NamedTuple):
    """The newest opened stream of a study, and the number of its last event.

    Events never change, so that two reads of a study at one mark give the same.
    """

    stream: str
    events: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The newest study of a task instance, or of a segment in it.

    `path` is its folder below the folder of the task, `run` and `segment` are the names of its run's and its
    segment's folder. `mark` is None if no attempt has opened the study. `closed_folder` tells that a folder
    of it cannot be listed, `noted` that a person has written a note, and `application` that this is no study,
    but an application whose segments have studies.
    """

    path: str
    run: str
    map_index: int
    generation: int
    mark: Mark | None
    closed_folder: bool = False
    noted: bool = False
    segment: str = ""
    application: bool = False

    @property
    def instance(self) -> Instance:
        """Return the task instance and the segment."""
        return self.run, self.map_index, self.segment

    @property
    def submitted(self) -> str:
        """Return the path of what was submitted: of a segment's application, or else of the study."""
        return self.path.replace(f"{self.segment}/", "") if self.segment else self.path

    @property
    def order(self) -> tuple[str, str, int, str]:
        """Return a sort key: the date at the end of Airflow's run ids, then the instance."""
        date = _DATE.search(self.run)
        return (date[0] if date else "", *self.instance)


def listed(paths: Iterable[str]) -> list[Listed]:
    """Return the newest study of each task instance, newest run first; `paths` are those of all files.

    A task instance with segments has its newest application in the list, and the studies of that.
    """
    files: dict[Instance, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    found: dict[Instance, Listed] = {}
    for path in paths:
        if (match := _STUDY.fullmatch(path)) is not None:
            index = -1 if match["index"] is None else int(match["index"])
            instance = match["run"], index, match["segment"] or ""
            files[instance][int(match["generation"])].append(match["file"])
        elif path.endswith("/") and _RUN.fullmatch(run := path.partition("/")[0]):
            found[run, -1, ""] = Listed(path.rstrip("/"), run, -1, 0, None, closed_folder=True)
    newest = {instance: max(generations) for instance, generations in files.items()}
    for instance, generations in files.items():
        run, index, segment = instance
        number = newest.get((run, index, ""), newest[instance])
        if number in generations:
            folders = [run, *([str(index)] if index >= 0 else []), *([segment] if segment else [])]
            path = "/".join([*folders, f"g{number}"])
            found[instance] = study_of(path, instance, number, generations[number])
    return sorted(found.values(), key=lambda each: each.order, reverse=True)


def study_of(path: str, instance: Instance, generation: int, files: Sequence[str]) -> Listed:
    """Return the study at a path below the folder of its task, which has these files."""
    run, index, segment = instance
    return Listed(
        path,
        run,
        index,
        generation,
        mark_of(files),
        noted=any(file.startswith(f"{NOTES}/") for file in files),
        segment=segment,
        application=SEGMENTS in files,
    )


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
