"""Remove old studies; keep the newest, those that a retry may continue, and those that production needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from airflow_sparktune.errors import RecordError, SparktuneError, StorageError
from airflow_sparktune.study.address import SEGMENT, folder_of, split
from airflow_sparktune.study.files.airflow_task import read_task
from airflow_sparktune.study.files.generations import NAME as DAG_RUN
from airflow_sparktune.study.files.generations import generations
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.journal.streams import FOLDER as ATTEMPTS
from airflow_sparktune.study.journal.streams import chunks, streams
from airflow_sparktune.study.record.champions import FOLDER, Champions, segments
from airflow_sparktune.study.record.entries import Action, Entry, champion_of
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.segments.application import application_above, has_studies
from airflow_sparktune.study.storage import Storage, open_storage, without_connection

# The studies of Airflow are five folders below their root.
_DEEPEST = 6
_INDEX = re.compile(r"[0-9]{1,9}")
# A study without a verdict is kept for this long after its last sign of life, and for its storage_grace. Its
# driver may be silent or frozen, or its task may wait for a retry.
SILENT_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStudy:
    """A study; `last_event` is the time of its last event in seconds since 1970.

    `series` is equal for the studies of one task, map index and segment of an application: the task's folder
    and the others. For a study outside Airflow, it is the parent folder and no index.
    Without a `verdict` a retry may continue it; such a study may be removed from `free_at` on.
    """

    address: str
    series: tuple[str, str]
    last_event: float
    verdict: bool = True
    free_at: float = 0.0

    @property
    def task(self) -> str:
        """Return the folder of the task's studies."""
        return self.series[0]


def find(root: str, problems: list[str]) -> list[StoredStudy]:
    """Return the studies below a folder or URL that have a readable event; describe unreadable folders.

    The remains of a study whose removal was interrupted are included, with `last_event` = 0.
    """
    found = []
    for address in addresses(root, problems):
        try:
            each = _look(address)
        except StorageError as error:
            problems.append(str(error))
        else:
            found += [each] if each is not None else []
    return found


def addresses(root: str, problems: list[str]) -> Iterator[str]:
    """Yield the addresses of the folders with a journal: `root` and those below it.

    Folders that cannot be listed are described in `problems`; raises StorageError if `root` is one.
    """
    for folder in _folders(open_storage(root), "", _DEEPEST, problems):
        yield f"{root.rstrip('/')}/{folder}".rstrip("/")


def removable(
    found: Iterable[StoredStudy],
    keep: Keep,
    problems: list[str],
    *,
    now: float,
    has_ended: Callable[[str], bool] = lambda _: True,
) -> list[StoredStudy]:
    """Return the studies that may be removed, oldest first.

    A study is kept while its run goes on, as `has_ended` tells for an address, because a retry may continue
    it, and tasks after it may read it. One without a verdict is kept until it has been silent for a day, too.
    The studies that the record of champions needs are kept, too: the one that found the champion, the one
    that last confirmed it, and the one whose winner waits for promotion. If a task's record cannot be read,
    all of its studies are kept.
    """
    extra: list[StoredStudy] = []
    for _, studies in groupby(sorted(found, key=lambda each: each.series), key=lambda each: each.task):
        offered = [each for each in _extra(studies, keep, now=now) if each.verdict or now >= each.free_at]
        if not offered:
            continue
        try:
            needed = set(map(_canonical, in_production(offered[0].task)))
            free = [each for each in offered if _canonical(each.address) not in needed]
            extra += [each for each in free if has_ended(each.address)]
        except SparktuneError as error:
            problems.append(f"no study of this task is removed: {error}")
    return sorted(extra, key=lambda each: each.last_event)


def in_production(task: str) -> set[str]:
    """Return the addresses of the studies that a task's record of champions needs."""
    needed: set[str] = set()
    problems: list[str] = []
    found = segments(task, problems)
    if problems:
        raise RecordError(f"the record of champions in {task}/{FOLDER}/{problems[0]} cannot be read")
    for segment in found:
        entries = Champions(task, segment).history(problems)
        if problems:
            raise RecordError(problems[0])
        needed.update(entry.study for entry in _needed(entries) if entry.study is not None)
    return needed


def remove(study: StoredStudy) -> None:
    """Remove a study; the first chunk of each stream goes first, so that no half of a study is readable."""
    storage = open_storage(study.address)
    beginnings = [
        chunk.path for stream in streams(storage) for chunk in chunks(storage, stream) if chunk.first == 1
    ]
    if beginnings:
        storage.remove(beginnings)
    application = application_above(study.address)
    _clear(study.address, within=study.task)
    if application is not None and not has_studies(application):
        _clear(application, within=study.task)


def remove_all(found: Iterable[StoredStudy], problems: list[str]) -> list[str]:
    """Remove studies and return their addresses; describe in `problems` why the others were not removed."""
    removed = []
    for each in found:
        try:
            if not each.verdict and _look(each.address) != each:
                problems.append(f"the study at {each.address} was continued meanwhile, and is kept")
                continue
            remove(each)
        except StorageError as error:
            problems.append(str(error))
        else:
            removed.append(each.address)
    return removed


def _clear(address: str, *, within: str) -> None:
    """Remove a folder, and with the last generation of a run the token of the run."""
    own = split(address)
    if own is not None and generations(own[0]) == [own[1]]:
        open_storage(own[0]).remove([DAG_RUN])
    open_storage(address).clear(within=within)


def _extra(studies: Iterable[StoredStudy], keep: Keep, *, now: float) -> Iterator[StoredStudy]:
    """Yield the studies that `keep` does not keep, of each series of a task."""
    for _, series in groupby(studies, key=lambda each: each.series):
        for rank, each in enumerate(sorted(series, key=lambda each: each.last_event, reverse=True)):
            kept = (
                rank < keep.newest if keep.newest is not None else now - each.last_event < (keep.age_s or 0.0)
            )
            if not kept:
                yield each


def _look(address: str) -> StoredStudy | None:
    """Return the study at an address; None if it has no event yet, e.g. because it was just submitted."""
    study = read_study(address).study
    found = partial(StoredStudy, address=address, series=_series(address))
    if not study.attempts:
        if not _is_remains(open_storage(address)):
            return None
        return found(last_event=0.0, verdict=False, free_at=_written(address) + SILENT_S)
    last_event = study.attempts[-1].last
    if study.has_verdict:
        return found(last_event=last_event)
    grace_s = study.spec.execution.storage_grace if study.spec is not None else 0.0
    # The driver's clock may be wrong, the storage's is another one.
    free_at = max(last_event, _written(address)) + grace_s + SILENT_S
    return found(last_event=last_event, verdict=False, free_at=free_at)


def _series(address: str) -> tuple[str, str]:
    if (application := application_above(address)) is not None:
        root, index = _series(application)
        segment = next(part for part in reversed(address.split("/")) if part.startswith(SEGMENT))
        return root, f"{index}/{segment}"
    own = split(address)
    if own is None:
        return folder_of(address), ""
    folder, _ = own
    index = folder.rpartition("/")[2]
    if _INDEX.fullmatch(index):  # or a run whose id is a number, such as a date
        task = read_task(address)
        if task is None or task.map_index >= 0:
            return folder_of(folder_of(folder)), index
    return folder_of(folder), ""


def _written(address: str) -> float:
    """Return when the newest chunk was written by the storage's clock, 0 if the storage does not tell."""
    storage = open_storage(address)
    found = [chunk for stream in streams(storage)[-1:] for chunk in chunks(storage, stream)]
    return storage.modified(found[-1].path) or 0.0 if found else 0.0


def _needed(entries: list[Entry]) -> Iterator[Entry]:
    """Yield the entry of the current champion, its newest confirmation, and the newest proposal."""
    last = {entry.action: entry for entry in entries}
    found = (champion_of(entries), last.get(Action.KEPT), last.get(Action.PROPOSED))
    yield from (entry for entry in found if entry is not None)


def _canonical(address: str) -> str:
    """Return the canonical form of an address."""
    return without_connection(address).rstrip("/") if "://" in address else str(Path(address).resolve())


def _is_remains(storage: Storage) -> bool:
    """Return whether a folder has chunks, but not the first of any stream."""
    found = [chunk for stream in streams(storage) for chunk in chunks(storage, stream)]
    return bool(found) and all(chunk.first > 1 for chunk in found)


def _folders(storage: Storage, folder: str, depth: int, problems: list[str]) -> Iterator[str]:
    try:
        names = storage.names(folder)
    except StorageError as error:
        if not folder:
            raise
        problems.append(str(error))
        return
    if ATTEMPTS in names:
        yield folder
    elif depth > 0:
        for name in names:
            yield from _folders(storage, f"{folder}/{name}" if folder else name, depth - 1, problems)
