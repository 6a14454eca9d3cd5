"""The rows of a task's record of champions."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.schemas import ChampionRow, Mean, SegmentRow
from airflow_sparktune.errors import RecordError, StorageError
from airflow_sparktune.study.address import SEGMENT
from airflow_sparktune.study.formatting import params
from airflow_sparktune.study.record.champions import FOLDER, Champions, record_folder, segments
from airflow_sparktune.study.record.entries import Action, Entry
from airflow_sparktune.study.retuning.decision import Decision
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

# A year of weekly retunings; the shell lists older entries. Tables of many segments have fewer entries each.
MOST_ENTRIES = 60
_FEW_ENTRIES = 10
_KEPT = 5_000
_MANY_SEGMENTS = 10
_MOST_READ = 100
_UNNAMED = "No study of this segment is left that has its name; `sparktune champion` shows its record."
_BELOW_TASK = re.compile(
    r"(?P<run>[^/]+)/((?P<index>[0-9]{1,9})/)?(?P<segment>segment=[^/]+/)?g(?P<generation>0|[1-9][0-9]{0,3})"
)
_PROBLEM = (
    "This record cannot be read: an entry is torn, a later version wrote it, or the API server lacks the "
    "right. Retunings may fail until that is repaired; the API server's log has the details."
)


class ChampionHistory:
    """Reads the newest entries of each segment's record."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._known: dict[str, Entry] = {}

    def of(self, root: str | None, known: Iterable[str] = ()) -> list[SegmentRow]:
        """Return the segments of a record, sorted by name; an empty list if there is no record.

        The records of very many segments are not read: a reader asks for one at a time. `known` are names of
        segments, because a folder's name may not tell that of its segment.
        """
        if root is None:
            return []
        folders = open_storage(f"{root}/{FOLDER}").names("")
        if len(folders) > _MOST_READ:
            names_of = {record_folder(name): name for name in known}
            return sorted(
                (_unread(folder, names_of) for folder in folders), key=lambda row: row.segment or ""
            )
        unreadable: list[str] = []
        names = segments(root, unreadable)
        if len(self._known) > _KEPT:
            self._known.clear()
        most = MOST_ENTRIES if len(names) <= _MANY_SEGMENTS else _FEW_ENTRIES
        rows = [self._segment(Champions(root, name, known=self._known), most) for name in names]
        rows += [
            SegmentRow(segment=folder.removeprefix(SEGMENT), entries=[], problem=_PROBLEM)
            for folder in unreadable
        ]
        return sorted(rows, key=lambda row: row.segment or "")

    def one(self, root: str, segment: str | None) -> SegmentRow:
        """Return the record of a segment."""
        return self._segment(Champions(root, segment, known=self._known), MOST_ENTRIES)

    def _segment(self, champions: Champions, most: int) -> SegmentRow:
        try:
            found, left_out = champions.newest(most)
            champion = champions.current()
        except (RecordError, StorageError):
            log.exception("The record of champions at %s cannot be read", champions.address)
            return SegmentRow(segment=champions.segment, entries=[], problem=_PROBLEM)
        number = champion.number if champion else None
        if champion is not None and found and champion.number < found[-1].number:
            found, left_out = [*found, champion], left_out - 1
        rows = [self._row(entry, champions.root, in_production=entry.number == number) for entry in found]
        return SegmentRow(segment=champions.segment, entries=rows, left_out=left_out)

    def _row(self, entry: Entry, root: str, *, in_production: bool) -> ChampionRow:
        decision = _decision(entry)
        challenger = decision.challenger if decision else None
        incumbent = decision.incumbent if decision else None
        return ChampionRow(
            number=entry.number,
            action=entry.action.value,
            sets_champion=entry.action.sets_champion,
            in_production=in_production,
            at=entry.at,
            params=params(self._mask(entry.params)),
            loss=entry.loss,
            maximize=entry.maximize,
            reason=self._mask(entry.reason),
            by=entry.by,
            restores=entry.restores,
            data_at=entry.moment,
            **_study_of(entry, root),
            incumbent=_mean(incumbent.mean, incumbent.std_error) if incumbent else None,
            challenger=_mean(challenger.mean, challenger.std_error) if challenger else None,
            difference=_mean(challenger.difference, challenger.difference_error) if challenger else None,
        )


def _unread(folder: str, names: Mapping[str, str]) -> SegmentRow:
    plain = folder.removeprefix(SEGMENT)
    if folder == record_folder(None):
        return SegmentRow(segment=None, entries=[], unread=True)
    if folder in names or record_folder(plain) == folder:
        return SegmentRow(segment=names.get(folder, plain), entries=[], unread=True)
    return SegmentRow(segment=plain, entries=[], problem=_UNNAMED)


def _decision(entry: Entry) -> Decision | None:
    """Return the decision in an entry; None for a rollback, and for an unknown form of a later version."""
    if entry.evidence is None or entry.action is Action.RESTORED:
        return None
    try:
        return Decision.from_json(entry.evidence)
    except (ValueError, LookupError, TypeError):
        return None


def _study_of(entry: Entry, root: str) -> dict[str, Any]:
    """Return the place of an entry's study below the task's folder; the storage may have been moved since."""
    task = "/".join(root.split("/")[-2:])
    below = _BELOW_TASK.fullmatch((entry.study or "").rpartition(f"/{task}/")[2])
    if below is None:
        return {}
    return {
        "folder": below["run"],
        "map_index": -1 if below["index"] is None else int(below["index"]),
        "generation": int(below["generation"]),
        "segment": entry.segment if below["segment"] else None,
    }


def _mean(mean: float | None, error: float | None) -> Mean | None:
    return None if mean is None else Mean(mean=mean, error=error)
