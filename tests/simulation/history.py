"""One seed is one history: the runs of a task, people, and what goes wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study import storage
from airflow_sparktune.study.files.stop_request import request_stop
from airflow_sparktune.study.journal import writer
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.retention import find, removable, remove_all
from airflow_sparktune.study.storage import open_storage
from tests.simulation.invariants import SETS_CHAMPION, Invariants
from tests.simulation.processes import Died, Process, Processes
from tests.simulation.storage import Lake, Weather
from tests.simulation.tasks import MOST_TRIES, TASK, Task

UNTIL_S = 20_000.0


class History:
    """The history of a seed; `story` gets a line for what happens in it."""

    def __init__(self, seed: int, *, story: list[str] | None = None) -> None:
        self.chance = chance = random.Random(seed)
        self.processes = Processes(until=UNTIL_S, story=story)
        self.lake = Lake(self.processes, chance, Weather.draw(chance))
        with self._simulated():
            self.invariants = Invariants(self.lake.files, self.processes, TASK, may_go_on=self.may_go_on)
        self.lake.watch = self.invariants
        self._events: list[str] = []  # the causes of the entries that events were sent for
        self._tasks = [Task(self, number) for number in range(chance.choice((1, 1, 2, 2)))]
        for number in range(chance.choice((0, 0, 1, 2))):
            act = chance.choice((self._restore, self._restore, self._remove, self._stop))
            self.spawn(f"person {number}", lambda act=act: self.patiently(act), at=chance.uniform(5.0, 80.0))

    def run(self) -> None:
        """Run to the end; raises AssertionError if an invariant does not hold."""
        with self._simulated():
            self.processes.run()
            try:
                self._check()
            except Died:
                raise self.processes.failure or AssertionError from None

    def spawn(self, name: str, body: Callable[[], None], *, at: float) -> Process:
        """Start a process, whose wall clock may be wrong."""
        process = self.processes.spawn(name, body, at=at)
        if self.chance.random() < 0.3:
            process.set_by_s = self.chance.choice((1.0, 60.0, 4_000.0)) * self.chance.uniform(-1.0, 1.0)
        return process

    def patiently(self, act: Callable[[], None]) -> None:
        """Act, and again after a while if that fails."""
        for _ in range(MOST_TRIES):
            try:
                act()
                return
            except SparktuneError as error:
                self.processes.tell(f"fails: {error!r:.150}")
                self.processes.sleep(self.chance.uniform(2.0, 30.0))

    def may_go_on(self, address: str) -> bool:
        """Return whether a retry may continue the study at an address: its run has not ended."""
        return any(task.address == address and not task.ended for task in self._tasks)

    def send_event(self, cause: str) -> None:
        """Tell Airflow that production has changed."""
        self.processes.tell("sends an event")
        self._events.append(cause)

    def remove_old(self, has_ended: Callable[[str], bool], *, but: str | None = None) -> None:
        """Remove all studies but the newest, and those that are kept for other reasons."""
        problems: list[str] = []
        now = self.processes.wall()
        extra = removable(find(TASK, problems), Keep(newest=1), problems, now=now, has_ended=has_ended)
        remove_all((each for each in extra if each.address != but), problems)
        for problem in problems:
            self.processes.tell(f"keeps a study: {problem}")

    def tear(self) -> None:
        """Tear what the current process writes; a person removes the entry of a record later."""
        path = self.lake.tear()
        if path is not None and path.startswith(self.invariants.record):
            at = self.processes() + self.chance.uniform(5.0, 60.0)
            self.spawn("person mends", lambda: self.lake.files.remove([path]), at=at)

    def _restore(self) -> None:
        """Roll back to an earlier champion."""
        champions = Champions(TASK)
        found = [entry for entry in champions.history() if entry.action.sets_champion]
        if found:
            champions.restore(self.chance.choice(found).number, at=self.processes.wall(), by="ada")

    def _remove(self) -> None:
        """Remove old studies in the shell, which does not know whether their runs have ended."""
        self.remove_old(lambda _: True)

    def _stop(self) -> None:
        """Ask a study to end."""
        address = self.chance.choice(self._tasks).address
        if attempts := read_study(address).study.attempts:
            number, wall = attempts[-1].number, self.processes.wall
            request_stop(open_storage(address), attempt=number, by="ada", wall=wall)

    def _check(self) -> None:
        for task in self._tasks:
            task.check()
        self.invariants.check_production()
        self._check_events()

    def _check_events(self) -> None:
        """There is one event for each change of production, unless the task has found it outdated."""
        require = self.invariants.require
        changes = [each for each in self.invariants.entries.values() if each.action in SETS_CHAMPION]
        unknown = set(self._events) - {each.cause for each in changes}
        require(not unknown, f"events for what has changed nothing: {unknown}")
        told = {f"{how}{task.cause}" for task in self._tasks if task.cause for how in ("", "promote ")}
        for entry in changes:
            if entry.cause in told:
                events = self._events.count(entry.cause)
                stands = entry is changes[-1]
                require(events == 1 or (events == 0 and not stands), f"{entry.title} has {events} events")

    @contextmanager
    def _simulated(self) -> Iterator[None]:
        """Make the package use the storage of this history, and names by its chance."""
        names = SimpleNamespace(token_hex=lambda size: f"{self.chance.getrandbits(8 * size):0{2 * size}x}")
        with (
            mock.patch.object(storage, "FsspecStorage", self.lake.open),
            mock.patch.object(writer, "secrets", names),
        ):
            yield
