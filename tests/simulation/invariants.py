"""What must hold whatever goes wrong, checked as files are written and removed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.streams import newer
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action, Entry
from airflow_sparktune.study.study import Study
from tests.simulation.processes import Process, Processes
from tests.simulation.storage import Files

# Stated here once more, so that the package is not judged by itself.
SETS_CHAMPION = (Action.FIRST, Action.REPLACED, Action.PROMOTED, Action.RESTORED)
NEEDS_BASIS = (Action.FIRST, Action.KEPT, Action.REPLACED, Action.PROMOTED)


class View:
    """A folder without the faults of the way there; with `whole`, also without late listings."""

    def __init__(self, files: Files, address: str, *, whole: bool) -> None:
        self._files = files
        self._address = address
        self._late = not whole

    def read(self, name: str) -> bytes:
        return self._files.read(f"{self._address}/{name}")

    def names(self, folder: str) -> list[str]:
        return self._files.names(f"{self._address}/{folder}".rstrip("/"), late=self._late)


def follow(files: Files, address: str, *, whole: bool = False) -> StudyFollower:
    """Return a follower that has read the study at an address."""
    follower = StudyFollower(View(files, address, whole=whole))  # type: ignore[arg-type]
    follower.refresh()
    return follower


class Invariants:
    """Looks at what processes do to the files of the task at `root`.

    `may_go_on` tells whether a retry may continue the study at an address. `studies` are the studies as
    processes know them, `entries` those of the record, and `removed` says when a study was removed.
    """

    def __init__(
        self, files: Files, processes: Processes, root: str, *, may_go_on: Callable[[str], bool]
    ) -> None:
        self.studies: dict[Process, Study] = {}
        self.entries: dict[int, Entry] = {}
        self.removed: dict[str, float] = {}
        self._files = files
        self._processes = processes
        self._champions = Champions(root)
        self.record = self._champions.address
        self._champions._storage = View(files, self.record, whole=True)  # type: ignore[assignment]
        self._may_go_on = may_go_on
        self._listed: dict[int, float] = {}  # since when an entry is listed
        self._streams: dict[Process, tuple[str, str]] = {}  # the address and the stream of a driver
        self._looked: dict[Process, dict[str, float]] = {}  # when a process last looked at which folder
        self._saw: dict[str, Mapping[str, float]] = {}  # the same, as the writer of a stream began to write
        self._opened: dict[str, dict[str, float]] = {}  # since when the streams at an address are listed
        self._written: dict[str, dict[str, float]] = {}  # since when the chunks of a stream are listed

    def require(self, holds: bool, otherwise: str) -> None:
        """End the history unless something holds."""
        if not holds:
            self._processes.tell(f"BROKEN: {otherwise}")
            self._processes.fail(AssertionError(otherwise))

    def champion(self, *, listed_by: float = math.inf) -> Entry | None:
        """Return the champion, by the entries that were listed then."""
        known = (
            entry for number, entry in reversed(self.entries.items()) if self._listed[number] <= listed_by
        )
        return next((entry for entry in known if entry.action in SETS_CHAMPION), None)

    def check_production(self) -> None:
        """Production is what the last entry says that changes it."""
        if any(self._files.files[path].torn for path in self._files.below(self.record)):
            return
        champion, expected = self._champions.current(), self.champion()
        found, wanted = champion and champion.params, expected and expected.params
        title = champion.title if champion else "no entry"
        self.require(found == wanted, f"{title} has changed production from {wanted} to {found}")

    def listing(self, folder: str) -> None:
        looked = self._looked.setdefault(self._processes.current, {})
        looked[folder] = looked[folder.partition("/attempts")[0]] = self._processes()

    def asking(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._saw:
            self._saw[folder] = dict(self._looked.get(self._processes.current, {}))

    def writing(self, path: str, data: bytes) -> None:
        if path.startswith(f"{self.record}/"):
            self._entry(path, data)
        elif "/attempts/" in path:
            self._chunk(path, data)

    def removing(self, paths: Sequence[str]) -> None:
        process = self._processes.current
        for path in paths:
            self.require(not path.startswith(self.record), f"{process.name} removes {path}")
        found = {tuple(path.partition("/attempts/")[::2]) for path in paths}
        for address in {address for address, rest in found if rest}:
            own, stream = self._streams.get(process, ("", ""))
            if address != own or any(not rest.startswith(f"{stream}/") for _, rest in found):
                self._removal(process, address)

    def _entry(self, path: str, data: bytes) -> None:
        """The record is linear: each entry is the next one, has its own cause, and replaces the champion."""
        self.check_production()
        self.require(path not in self._files.files, f"the entry {path} is written over")
        entry, process = Entry.from_json(json.loads(data)), self._processes.current
        if process in self._streams:
            self._require_newest(process, *self._streams[process], f"puts {entry.title} on record")
        taken = [int(name.partition(".")[0]) for name in self._files.names(self.record, late=False)]
        last = max(taken, default=0)
        self.require(entry.number == last + 1, f"{entry.title} comes after entry {last}")
        again = [each.title for each in self.entries.values() if each.cause == entry.cause]
        self.require(not again, f"{entry.title} is for the same as {', '.join(again)}: {entry.cause}")
        study, champion = self.studies.get(process), self.champion()
        if study is not None and study.starts is not None and study.starts.basis is not None:
            basis, number = study.starts.basis.champion, champion.number if champion else None
            holds = basis == number or entry.action not in NEEDS_BASIS
            self.require(
                holds, f"{entry.title} compares with entry {basis}, but entry {number} is the champion"
            )
        self.entries[entry.number] = entry
        self._listed[entry.number] = self._processes() + self._files.late_s
        self._processes.tell(f"{entry.title} goes on record: {entry.params}")

    def _chunk(self, path: str, data: bytes) -> None:
        folder, _, name = path.rpartition("/")
        address, _, stream = folder.partition("/attempts/")
        process, known = self._processes.current, self._files.files.get(path)
        if known is not None and known.data == data:
            return
        first = int(name[:8])
        opened = self._opened.setdefault(address, {})
        if first == 1 and stream not in opened:
            self._takes_over_all(address, stream, json.loads(data.partition(b"\n")[0]))
        if first > 1 and b'"event":"decided"' in data:
            self._require_newest(process, address, stream, "decides")
        self._streams[process] = address, stream
        self._looked.setdefault(process, {})[address] = self._processes()
        listed = self._processes() + self._files.late_s
        opened.setdefault(stream, listed)
        self._written.setdefault(folder, {}).setdefault(name, listed)

    def _require_newest(self, process: Process, address: str, stream: str, does: str) -> None:
        """No attempt decides that has used its journal since a newer one opened."""
        looked = self._looked.get(process, {}).get(address, -1.0)
        opened = self._opened.get(address, {})
        later = [each for each, listed in opened.items() if listed < looked and newer(each, stream)]
        self.require(not later, f"{stream} {does}, although {', '.join(later)} has taken over {address}")

    def _takes_over_all(self, address: str, stream: str, opened: Mapping[str, Any]) -> None:
        """No result is lost: an attempt takes over all that was there when it last looked."""
        folder, takes = f"{address}/attempts", dict(opened["takes"])
        saw = self._saw[f"{folder}/{stream}"]
        known = (each for each, listed in self._opened[address].items() if listed < saw.get(folder, -1.0))
        for each in {*list(takes)[-1:], *sorted(known)[-1:]}:
            looked, taken = saw.get(f"{folder}/{each}", -1.0), takes.get(each, 0)
            there = self._last_event(f"{folder}/{each}", listed_by=looked)
            self.require(taken >= there, f"{stream} takes over {taken} of {there} events of {each}")

    def _last_event(self, folder: str, *, listed_by: float) -> int:
        """Return the number of the last event of a stream, of the chunks that were listed and can be read."""
        chunks = (name for name, listed in self._written[folder].items() if listed < listed_by)
        return max((int(name[9:17]) for name in chunks if f"{folder}/{name}" in self._files.files), default=0)

    def _removal(self, process: Process, address: str) -> None:
        """Nothing is removed that may go on, or that production needs."""
        if self.removed.get(address) is not None and address not in self._opened:
            return
        study = follow(self._files, address, whole=True).study
        ended = study.has_verdict or not study.attempts or not self._may_go_on(address)
        self.require(ended, f"{process.name} removes {address}, which may go on")
        looked = self._looked.get(process, {}).get(self.record, -1.0)
        listed = [entry for number, entry in self.entries.items() if self._listed[number] <= looked]
        last = {entry.action: entry for entry in listed}
        for entry in (self.champion(listed_by=looked), last.get(Action.KEPT), last.get(Action.PROPOSED)):
            if entry is not None:
                holds = entry.study != address
                self.require(holds, f"{process.name} removes {address}, which {entry.title} needs")
        self._opened.pop(address, None)
        self.removed[address] = self._processes()
