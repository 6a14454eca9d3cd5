"""The record of a task's champions: append-only, stored beside its studies, one record per segment.

    @champions/all/00000001-5d41402a.json
    @champions/segment=fr/00000001-7d793037.json

An entry is one file, written once. Its name holds its number and a hash of its cause, so that a retry finds
the entry instead of writing it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from airflow_sparktune.errors import RecordError
from airflow_sparktune.study.address import part
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.retuning.decision import Outcome
from airflow_sparktune.study.storage import Storage, open_storage

FOLDER = "@champions"
_SCHEMA = 1
_NAME = re.compile(r"(?P<number>[0-9]{8})-(?P<cause>[0-9a-f]{8})\.json")


class Action(StrEnum):
    """The kind of an entry; `tuned` and `proposed` do not change the champion."""

    TUNED = "tuned"  # a study without an incumbent has ended
    FIRST = "first"
    KEPT = "kept"
    REPLACED = "replaced"
    PROPOSED = "proposed"  # a winner that waits for `promote_champion`
    PROMOTED = "promoted"
    RESTORED = "restored"  # a rollback to an earlier entry

    @property
    def sets_champion(self) -> bool:
        """Return whether the entry's params are in production from then on."""
        return self not in (Action.TUNED, Action.PROPOSED)

    @property
    def changes_production(self) -> bool:
        return self.sets_champion and self is not Action.KEPT

    @classmethod
    def of(cls, outcome: Outcome) -> Action:
        """Return the action for a decision that needs no approval."""
        return cls(outcome.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the record.

    `at` is in seconds since 1970. `study` is the address of the study that found `params`, and `point` the
    sampler's raw form of them. `maximize` is the name of the score whose negative `loss` is, None for a loss.
    `by` names the run or user that wrote the entry. `evidence` is the decision as
    JSON. `restores` is the number of the entry that a rollback restored.
    """

    number: int
    action: Action
    at: float
    params: Any
    reason: str
    point: Mapping[str, Any] | None = None
    loss: float | None = None
    maximize: str | None = None
    study: str | None = None
    by: str | None = None
    segment: str | None = None
    evidence: Mapping[str, Any] | None = None
    restores: int | None = None

    @property
    def metric(self) -> Metric:
        """Return the metric of `loss`."""
        return Metric.of(self.maximize)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """Return the entry that `to_json` wrote; unknown keys of later versions are ignored."""
        shape.require(_ENTRY, data, what="an entry of the record of champions")
        known = {name: data[name] for name in cls.__slots__ if name in data}
        return cls(**{**known, "action": Action(data["action"])})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "action": self.action.value}


class Champions:
    """The record of a task, or of one of its segments.

    `root` is the folder of the task's studies. The list of entries is read again in each call, because the
    driver, a task and the shell may all write to the record. An entry never changes: `known` caches entries.
    """

    def __init__(
        self, root: str, segment: str | None = None, *, known: MutableMapping[str, Entry] | None = None
    ) -> None:
        self._known = {} if known is None else known
        self.root = root.rstrip("/")
        self.segment = segment
        self.address = f"{self.root}/{FOLDER}/{_folder(segment)}"
        self._storage: Storage = open_storage(self.address)

    def current(self) -> Entry | None:
        """Return the entry whose params are in production, or None before the first.

        Raises RecordError if an entry that may be newer cannot be read, because falling back to an older
        champion would be a silent rollback.
        """
        return next((entry for entry in self._newest_first() if entry.action.sets_champion), None)

    def previous(self, most: int = 1, *, but: str | None = None) -> list[Entry]:
        """Return the entries of the last studies with a result, newest first, except that of study `but`."""
        found: dict[str, Entry] = {}
        for entry in self._newest_first():
            if entry.study is None or entry.study == but or entry.action is Action.RESTORED:
                continue
            found.setdefault(entry.study, entry)
            if len(found) == most:
                break
        return list(found.values())

    def history(self, problems: list[str] | None = None) -> list[Entry]:
        """Return every readable entry, oldest first; describe the others in `problems`."""
        entries = []
        for name in self._names():
            try:
                entries.append(self._read(name))
            except RecordError as error:
                if problems is not None:
                    problems.append(str(error))
        return entries

    def newest(self, most: int) -> tuple[list[Entry], int]:
        """Return the newest entries, newest first, and the number of older ones; raises RecordError."""
        names = self._names()
        return [self._read(name) for name in names[::-1][:most]], max(len(names) - most, 0)

    def numbers(self) -> list[int]:
        """Return the numbers of all entries, without reading the entries."""
        return list(map(_number, self._names()))

    def entry(self, number: int) -> Entry:
        """Return the entry with that number; raises RecordError if there is none."""
        for name in self._names():
            if _number(name) == number:
                return self._read(name)
        raise RecordError(
            f"the record of champions at {self.address} must have an entry {number} to restore, got none; "
            "`sparktune champion --history` lists the entries"
        )

    def add(self, action: Action, *, cause: str, **facts: Any) -> Entry:
        """Add an entry unless `cause` already has one; return the entry of `cause`."""
        names = self._names()
        key = hashlib.sha256(cause.encode()).hexdigest()[:8]
        for name in names:
            if name.endswith(f"-{key}.json"):
                return self._read(name)
        number = max(map(_number, names), default=0) + 1
        entry = Entry(number=number, action=action, segment=self.segment, **facts)
        text = json.dumps({"v": _SCHEMA, **entry.to_json()}, allow_nan=False, indent=1)
        self._storage.write(f"{number:08d}-{key}.json", text.encode())
        return entry

    def restore(self, number: int, *, at: float, by: str) -> Entry:
        """Restore an earlier champion, by adding an entry about the rollback."""
        old = self.entry(number)
        return self.add(
            Action.RESTORED,
            cause=f"restore {number} at {at!r} by {by}",
            at=at,
            params=old.params,
            point=old.point,
            loss=old.loss,
            maximize=old.maximize,
            study=old.study,
            by=by,
            reason=f"restored entry {number} ({old.action.value})",
            restores=number,
        )

    def _newest_first(self) -> Iterator[Entry]:
        for name in reversed(self._names()):
            yield self._read(name)

    def _names(self) -> list[str]:
        return [name for name in self._storage.names("") if _NAME.fullmatch(name)]

    def _read(self, name: str) -> Entry:
        path = f"{self.address}/{name}"
        if path not in self._known:
            self._known[path] = self._parse(name, path)
        return self._known[path]

    def _parse(self, name: str, path: str) -> Entry:
        try:
            data = decoded(self._storage.read(name))
            if shape.group(data) and data.get("v", _SCHEMA) > _SCHEMA:
                raise RecordError(
                    f"the record of champions must be of schema {_SCHEMA} or older, got {data['v']} in "
                    f"{path}: a later version of airflow-sparktune wrote it; upgrade this one"
                )
            return Entry.from_json({**data, "number": _number(name)})
        except (ValueError, LookupError, TypeError, FileNotFoundError) as error:
            raise RecordError(
                f"an entry of the record of champions must be valid, but {path} is torn ({error}); restore "
                "the file from a backup, or remove it and run `sparktune champion --restore N`"
            ) from error


def segments(root: str) -> list[str | None]:
    """Return the segments with champions; None stands for a task without segments."""
    root = root.rstrip("/")
    found: list[str | None] = []
    for folder in open_storage(f"{root}/{FOLDER}").names(""):
        if folder == _folder(None):
            found.append(None)
            continue
        storage = open_storage(f"{root}/{FOLDER}/{folder}")
        for name in filter(_NAME.fullmatch, reversed(storage.names(""))):
            try:
                found.append(Entry.from_json(decoded(storage.read(name))).segment)
            except (ValueError, LookupError, TypeError):
                continue
            break
    return found


def _folder(segment: str | None) -> str:
    return "all" if segment is None else f"segment={part(segment)}"


def _number(name: str) -> int:
    return int(name.split("-", 1)[0])


_ENTRY: Mapping[str, shape.Fits] = {
    "number": shape.whole,
    "at": shape.moment,
    "reason": shape.text,
    "point": shape.optional(shape.group),
    "loss": shape.optional(shape.number),
    "maximize": shape.optional(shape.text),
    "study": shape.optional(shape.text),
    "by": shape.optional(shape.text),
    "segment": shape.optional(shape.text),
    "evidence": shape.optional(shape.group),
    "restores": shape.optional(shape.whole),
}
