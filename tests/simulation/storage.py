"""The storage that all processes share: it delays, loses answers, tears writes, hangs, and lists late."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.storage.deadline import LIMIT_S
from tests.simulation.processes import BEGAN, Processes

ROOT = "sim://lake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How often calls are slow, are refused, lose their answers, or hang; and how old listings are.

    No call succeeds from `outage_since` until `outage_until`.
    """

    slow: float = 0.0
    refused: float = 0.0
    answer_lost: float = 0.0
    hangs: float = 0.0
    lists_late_s: float = 0.0
    outage_since: float = 0.0
    outage_until: float = 0.0

    @classmethod
    def draw(cls, chance: random.Random) -> Weather:
        """Return a fine day, or one with several faults."""
        if chance.random() < 0.4:
            return cls()
        rate, began = chance.choice((0.003, 0.01, 0.02)), chance.uniform(0.0, 60.0)
        lasts = chance.choice((2.0, 20.0, 60.0)) if chance.random() < 0.2 else 0.0
        return cls(
            slow=rate,
            refused=rate * (chance.random() < 0.5),
            answer_lost=rate * (chance.random() < 0.5),
            hangs=rate * (chance.random() < 0.3),
            lists_late_s=chance.choice((0.0, 0.0, 0.5, 3.0)),
            outage_since=began,
            outage_until=began + lasts,
        )


@dataclass(slots=True)
class File:
    """A file, and when it was written; `torn` if its writer died in the middle."""

    data: bytes
    written: float
    torn: bool = False


class Files:
    """The files, as they are. A listing may be `late_s` seconds old."""

    def __init__(self, clock: Callable[[], float], *, late_s: float) -> None:
        self.late_s = late_s
        self.files: dict[str, File] = {}
        self._clock = clock
        self._folders: dict[str, dict[str, set[str]]] = {}  # the paths below each name in a folder
        self._listed: dict[str, tuple[float, float]] = {}  # from when until when, if listings are late

    def write(self, path: str, data: bytes, *, torn: bool = False) -> None:
        now, new = self._clock(), path not in self.files
        self.files[path] = File(data, now, torn)
        if new:
            self._listed[path] = now + self.late_s, math.inf
            for folder, name in _above(path):
                self._folders.setdefault(folder, {}).setdefault(name, set()).add(path)

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(f"no file {path}")
        return self.files[path].data

    def names(self, folder: str, *, late: bool = True) -> list[str]:
        """List a folder as processes see it; without `late`, as it is."""
        below = self._folders.get(folder, {})
        if self.late_s and late:
            return sorted(name for name, paths in below.items() if any(map(self._is_listed, paths)))
        return sorted(name for name, paths in below.items() if not paths.isdisjoint(self.files))

    def remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            if self.files.pop(path, None) is not None:
                self._listed[path] = self._listed[path][0], self._clock() + self.late_s

    def below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder."""
        return [path for path in self.files if path.startswith(f"{folder}/")]

    def _is_listed(self, path: str) -> bool:
        since, until = self._listed[path]
        return since <= self._clock() < until


class Watch(Protocol):
    """Looks at what processes do to the files."""

    def listing(self, folder: str) -> None:
        """Look at a listing."""

    def asking(self, path: str) -> None:
        """Look at a process that asks to write a file, which may fail."""

    def writing(self, path: str, data: bytes) -> None:
        """Look at a file that is about to be written or created."""

    def removing(self, paths: Sequence[str]) -> None:
        """Look at files that are about to be removed."""


class SharedStorage:
    """The storage at a URL, as `open_storage` returns it in the simulation."""

    def __init__(self, url: str, lake: Lake) -> None:
        self._url = url.rstrip("/")
        self._lake = lake

    def write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        self._lake.watch.asking(path)
        self._lake.call("write", path, lambda: self._lake.put(path, data), writes=data)

    def create(self, name: str, data: bytes) -> bool:
        path = self._path(name)
        return bool(self._lake.call("create", path, lambda: self._lake.put_new(path, data), writes=data))

    def read(self, name: str) -> bytes:
        path = self._path(name)
        data: bytes = self._lake.call("read", path, lambda: self._lake.files.read(path))
        return data

    def names(self, folder: str) -> list[str]:
        path = self._path(folder)
        found: list[str] = self._lake.call("list", path, lambda: self._lake.list(path))
        return found

    def remove(self, names: Sequence[str]) -> None:
        paths = [self._path(name) for name in names]
        self._lake.call("remove", ", ".join(paths[:1]), lambda: self._lake.take_away(paths))

    def clear(self, *, within: str) -> None:
        """Remove everything, one file after another, as an object store does."""
        for path in self._lake.files.below(self._url):
            self._lake.call("remove", path, partial(self._lake.take_away, [path]))

    def modified(self, name: str) -> float | None:
        path = self._path(name)
        found = self._lake.call("stat", path, lambda: self._lake.files.files.get(path))
        return BEGAN + found.written if found else None

    def _path(self, name: str) -> str:
        return f"{self._url}/{name}" if name else self._url


class Lake:
    """The files and the weather: each call is a step of a process, at which something may go wrong."""

    def __init__(self, processes: Processes, chance: random.Random, weather: Weather) -> None:
        self.watch: Watch
        self.files = Files(processes, late_s=weather.lists_late_s)
        self.asked: tuple[str, bytes] | None = None  # the file that the current step is about to write
        self._processes = processes
        self._chance = chance
        self._weather = weather

    def open(self, url: str) -> SharedStorage:
        return SharedStorage(url, self)

    def call(self, verb: str, path: str, effect: Callable[[], Any], *, writes: bytes | None = None) -> Any:
        """Do what a process asks for, after a while; or go wrong, as the weather is."""
        processes, weather, chance = self._processes, self._weather, self._chance
        self.asked = None if writes is None else (path, writes)
        processes.step()
        self.asked = None
        luck, pause_s = chance.random(), 0.02 + 0.06 * chance.random()
        if luck < weather.slow:
            pause_s = 1.0 + 10.0 * chance.random()
        processes.advance(processes() + pause_s)
        if weather.outage_since <= processes() < weather.outage_until:
            raise StorageUnavailable("503 Slow Down")
        luck -= weather.slow
        if 0 <= luck < weather.refused:
            processes.tell(f"{verb} {_short(path)}: refused")
            raise StorageUnavailable("503 Slow Down")
        luck -= weather.refused
        if 0 <= luck < weather.hangs:
            self._hang(f"{verb} {_short(path)}", effect if writes is not None else None)
        found = effect()
        if verb in ("write", "create", "remove"):
            processes.tell(f"{verb} {_short(path)}{': exists' if found is False else ''}")
        if processes.current.doomed:
            processes.die()
        luck -= weather.hangs
        if 0 <= luck < weather.answer_lost:
            processes.tell(f"{verb} {_short(path)}: the answer is lost")
            raise StorageUnavailable("connection reset by peer")
        return found

    def put(self, path: str, data: bytes) -> None:
        self.watch.writing(path, data)
        self.files.write(path, data)

    def put_new(self, path: str, data: bytes) -> bool:
        if path in self.files.files:
            return False
        self.put(path, data)
        return True

    def list(self, path: str) -> list[str]:
        self.watch.listing(path)
        return self.files.names(path)

    def take_away(self, paths: Sequence[str]) -> None:
        self.watch.removing(paths)
        self.files.remove(paths)

    def tear(self) -> str | None:
        """Write the first part of what the current step is about to write; return the path of a new file."""
        if self.asked is None or self.asked[0] in self.files.files:
            return None
        path, data = self.asked
        self._processes.tell(f"tears {_short(path)}")
        self.files.write(path, data[: int(len(data) * self._chance.random())], torn=True)
        return path

    def _hang(self, what: str, effect: Callable[[], Any] | None) -> None:
        """Give a call up, as DeadlineStorage does; it takes effect within twice that time, or never."""
        processes = self._processes
        processes.tell(f"{what}: hangs")

        def late() -> None:
            if effect is not None:
                effect()
                processes.tell(what)

        if self._chance.random() < 0.7:
            at = processes() + 2 * LIMIT_S * self._chance.random()
            processes.spawn(f"{processes.current.name}, late", late, at=at)
        processes.advance(processes() + LIMIT_S)
        raise StorageUnavailable(f"the storage must answer within {LIMIT_S:g} s")


def _above(path: str) -> list[tuple[str, str]]:
    """Return each folder above a file, with the name in it on the way to the file."""
    parts = path.split("/")
    return [("/".join(parts[:depth]), parts[depth]) for depth in range(3, len(parts))]


def _short(path: str) -> str:
    return path.removeprefix(f"{ROOT}/")
