"""What happens to one try of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.processes import Process

if TYPE_CHECKING:
    from tests.simulation.history import History
    from tests.simulation.tasks import Task


class Fate:
    """What happens to a try at some step: SIGKILL, SIGTERM, a freeze, another try, a clock that jumps."""

    LIKELY = (("die", 0.4), ("freeze", 0.5), ("terminate", 0.1), ("jump", 0.1), ("double", 0.05))

    def __init__(self, history: History, task: Task, process: Process) -> None:
        self._history = history
        self._task = task
        self._process = process
        self._steps = self._writes = 0
        self._at_step: dict[int, str] = {}
        self._at_write: dict[int, str] = {}
        for what, likely in self.LIKELY:
            if history.chance.random() < likely:
                if history.chance.random() < 0.5:
                    self._at_step[history.chance.randrange(1, 120)] = what
                else:
                    self._at_write[history.chance.randrange(1, 40)] = what

    def step(self) -> None:
        """Let happen what is due at the next step."""
        self._steps += 1
        what = self._at_step.get(self._steps)
        if self._history.lake.asked is not None:
            self._writes += 1
            what = what or self._at_write.get(self._writes)
        if what is not None:
            getattr(self, f"_{what}")()

    def _die(self) -> None:
        """Die before the call, in the middle of it, or before the answer."""
        luck = self._history.chance.random()
        if luck < 0.4:
            self._process.doomed = True
            return
        if luck < 0.6:
            self._history.tear()
        self._history.processes.die()

    def _terminate(self) -> None:
        self._history.processes.tell("gets SIGTERM")
        self._task.terminate(self._process)

    def _freeze(self) -> None:
        """Do nothing for a while, in which Airflow may start another try."""
        processes, chance = self._history.processes, self._history.chance
        pause_s = chance.choice((3.0, 30.0, 120.0)) * chance.random()
        processes.tell(f"is frozen for {pause_s:.1f} s")
        if self._task.is_current(self._process) and chance.random() < 0.8:
            self._task.begin(processes() + pause_s * chance.uniform(0.1, 1.3))
        processes.advance(processes() + pause_s)

    def _double(self) -> None:
        if self._task.is_current(self._process):
            self._task.begin(self._history.processes())

    def _jump(self) -> None:
        chance = self._history.chance
        self._process.set_by_s += chance.choice((-1, 1)) * chance.choice((10.0, 4_000.0, 400_000.0))
        self._history.processes.tell(f"has a clock that is {self._process.set_by_s:.0f} s off")
