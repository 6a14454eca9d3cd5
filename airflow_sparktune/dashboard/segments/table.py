"""The table of an application's segments, which follows their journals."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import NamedTuple

from airflow_sparktune.dashboard.browse.attention import waiting
from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.segments.cells import CHANGES, segment_cells, unreadable_cells, waiting_cells
from airflow_sparktune.dashboard.segments.schemas import Block, SegmentCells
from airflow_sparktune.dashboard.study_list import StudyList
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.address import address_of, segment_folder
from airflow_sparktune.study.journal.problems import INVALID
from airflow_sparktune.study.listing.application import segments_folder
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Listed
from airflow_sparktune.study.listing.row import StudyRow
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action, Entry
from airflow_sparktune.study.segments import Segments, read_segments

log = logging.getLogger(__name__)

# A page that has the tags of all blocks gets only those with news.
BLOCK = 50
_AT_ONCE = 8
# For the listing, and for one journal.
_READ_S = 20.0
_MOST_ENTRIES = 10_000
# The folders of a run, a segment and a generation.
_BELOW = 3


class OnRecord(NamedTuple):
    """The reason why the winner of a segment waits for a person, if it does; and if it is in production."""

    approval: str | None = None
    changed: bool = False


@dataclass(slots=True)
class Application:
    """An application as it was listed last, and what was made of it."""

    address: str
    segments: Segments
    folder: TaskFolder
    listed_at: float = 0.0
    listed_s: float = 0.0  # how long that took
    unreadable: dict[Listed, float] = field(default_factory=dict)  # and when that was found
    cells: dict[str, tuple[StudyRow, object, SegmentCells]] = field(default_factory=dict)
    on_record: dict[str, tuple[float, OnRecord]] = field(default_factory=dict)


@dataclass(slots=True)
class SegmentTable:
    """Reads the rows of applications' segments, in `workers` of its own: other pages do not wait.

    An application is listed at most once in `pause_s`, or twice the seconds of a slow listing. A request
    reads journals for `read_s`, and the next one goes on. What could not be read, and records of champions,
    are read again after `again_s`.
    """

    mask: Mask
    studies: StudyList
    pause_s: float = 1.0
    read_s: float = 0.8
    again_s: float = 60.0
    most: int = 8
    clock: Callable[[], float] = time.monotonic
    workers: Workers = field(default_factory=partial(Workers, waiting=256))
    kept: OrderedDict[str, Application] = field(default_factory=OrderedDict)
    entries: dict[str, Entry] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    async def read(self, address: str, *, map_index: int) -> tuple[Application, int]:
        """Return an application, up to date, and the number of its segments that are still to be read."""
        found = await self.workers.run(lambda: self._listed(address, map_index), deadline_s=_READ_S)
        unread = await self.workers.run(lambda: self._unread(found))
        reads = (partial(self._read_one, found, *each) for each in unread)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.read_s):
                async with aclosing(
                    self.workers.each(reads, at_once=_AT_ONCE, deadline_s=_READ_S)
                ) as results:
                    async for error in results:
                        if error is not None:
                            log.warning("A segment of %s was not read: %s", address, error)
        return found, len(await self.workers.run(lambda: self._unread(found))) if unread else 0

    async def blocks(self, found: Application, tags: Sequence[str], *, task_state: str | None) -> list[Block]:
        """Return the blocks of segments whose tags differ from those that the page has."""
        return await self.workers.run(lambda: list(self._blocks(found, tags, task_state)))

    def _listed(self, address: str, map_index: int) -> Application:
        kept = self.kept.get(address)
        began = self.clock()
        if kept is not None and began - kept.listed_at < self.pause_s * max(1.0, 2 * kept.listed_s):
            return kept
        segments = read_segments(address)
        if segments is None:
            raise FileNotFoundError(f"the application at {address} has been removed")
        # Packs are written when a task ends, so those rows are known after the first look.
        folder = segments_folder(address, map_index=map_index, packed=kept is None)
        if kept is None or kept.segments != segments:
            kept = Application(address, segments, folder)
        kept.folder, kept.listed_at = folder, self.clock()
        kept.listed_s = kept.listed_at - began
        with self.lock:
            self.kept[address] = kept
            self.kept.move_to_end(address)
            while len(self.kept) > self.most:
                self.kept.popitem(last=False)
        if len(self.entries) > _MOST_ENTRIES:
            self.entries.clear()
        return kept

    def _unread(self, found: Application) -> list[tuple[TaskFolder, Listed]]:
        """Return the studies to read: first those that are followed, in which only events are new."""
        unread = self.studies.known([found.folder], newest=1).unread
        since = self.clock() - self.again_s
        left = [each for each in unread if found.unreadable.get(each[1], since) <= since]
        return sorted(left, key=lambda each: each[1].path not in each[0].followed)

    def _read_one(self, found: Application, folder: TaskFolder, study: Listed) -> None:
        if folder.read(study) is None:
            found.unreadable[study] = self.clock()

    def _blocks(self, found: Application, tags: Sequence[str], task_state: str | None) -> Iterator[Block]:
        known = self.studies.known([found.folder], newest=1)
        rows = {study.segment: row for study, row in known.rows}
        broken = {study.segment for _, study in known.unread if study in found.unreadable}
        cells = []
        for segment in found.segments.segments:
            folder = segment_folder(segment.name)
            row = rows.get(folder)
            if row is not None:
                cells.append(self._cells(found, segment.name, row, task_state))
            elif folder in broken:
                cells.append(unreadable_cells(segment.name))
            else:
                cells.append(waiting_cells(segment.name, segment.max_evals or found.segments.spec.max_evals))
        for index, first in enumerate(range(0, len(cells), BLOCK)):
            some = cells[first : first + BLOCK]
            tag = hashlib.sha256(repr(some).encode()).hexdigest()[:8]
            if tags[index : index + 1] != [tag]:
                yield Block(first=first, tag=tag, rows=some)

    def _cells(self, found: Application, segment: str, row: StudyRow, task_state: str | None) -> SegmentCells:
        """Return the cells of a segment; the same ones if neither the study nor its standing has changed."""
        phase = row.pulse.phase(now=time.time(), task_state=task_state)
        on_record = self._on_record(found, segment, row)
        state = phase, on_record
        kept = found.cells.get(segment)
        if kept is None or kept[0] is not row or kept[1] != state:
            try:
                cells = segment_cells(segment, row, phase, mask=self.mask, **on_record._asdict())
            except INVALID:
                log.exception("The segment %s of %s cannot be shown", segment, found.address)
                cells = unreadable_cells(segment)
            kept = found.cells[segment] = (row, state, cells)
        return kept[2]

    def _on_record(self, found: Application, segment: str, row: StudyRow) -> OnRecord:
        if row.summary["decision"] not in CHANGES:
            return OnRecord()
        if found.segments.spec.retuning.promote != "manual":
            return OnRecord(changed=True)
        read_at, known = found.on_record.get(segment, (float("-inf"), OnRecord()))
        if self.clock() - read_at >= self.again_s:
            known = self._recorded(found, segment)
            found.on_record[segment] = self.clock(), known
        return known

    def _recorded(self, found: Application, segment: str) -> OnRecord:
        study = address_of(found.address, segment)
        try:
            entries = Champions(found.folder.address, segment, known=self.entries).since_champion()
        except SparktuneError:
            log.exception("The record of champions of the segment %s cannot be read", segment)
            return OnRecord()
        proposed = next((entry for entry in entries if entry.action is Action.PROPOSED), None)
        champion = next((entry for entry in entries if entry.action.sets_champion), None)
        return OnRecord(
            waiting(entries) if proposed is not None and _same(proposed.study, study) else None,
            champion is not None and _same(champion.study, study),
        )


def _same(one: str | None, other: str) -> bool:
    """Return whether two addresses are of one study; the storage may have had another name."""
    return one is not None and one.split("/")[-_BELOW:] == other.split("/")[-_BELOW:]
