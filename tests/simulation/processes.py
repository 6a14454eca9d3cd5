"""Processes on a virtual clock: threads that take turns, the one whose time is earliest first.

One thread runs at a time, and hands over only when its time passes. So a history is the same each time.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.simulated import VirtualClock

BEGAN = 1_750_000_000.0  # the wall clock at time 0
MOMENT_S = 1e-6
MOST_STEPS = 100_000  # a long history has some thousands


class Died(BaseException):
    """SIGKILL: no code handles it, and the process does nothing from then on."""


@dataclass(eq=False)
class Process:
    """One process. `at` is its time, and its wall clock is off by `set_by_s`.

    `on_step` is called before each storage call and each wait, and may raise what happens there. A `doomed`
    process dies when its storage call has taken effect.
    """

    name: str
    body: Callable[[], None]
    at: float
    on_step: Callable[[], None] = lambda: None
    set_by_s: float = 0.0
    doomed: bool = False
    dead: bool = False
    begun: bool = False
    turn: threading.Lock = field(default_factory=threading.Lock)


class Processes(VirtualClock):
    """Runs processes until all have ended. Is the monotonic clock of the one that reads it.

    `story` gets a line for what happens. The history ends with AssertionError if a process still runs after
    `until` seconds.
    """

    def __init__(self, *, until: float, story: list[str] | None = None) -> None:
        super().__init__(at=0.0)
        self.current: Process
        self.failure: BaseException | None = None
        self._until = until
        self._story = story
        self._waiting: list[tuple[float, int, Process]] = []
        self._spawned = self._steps = 0
        self._ended = threading.Lock()

    def __call__(self) -> float:
        return self.current.at

    def wall(self) -> float:
        """Return the time by the wall clock of the current process."""
        return BEGAN + self.current.at + self.current.set_by_s

    def spawn(self, name: str, body: Callable[[], None], *, at: float) -> Process:
        """Add a process that starts at a time."""
        process = Process(name, body, at)
        process.turn.acquire()
        self._wait(process)
        return process

    def run(self) -> None:
        """Run until all processes have ended; raises what ended the history too early."""
        self._ended.acquire()
        self._hand_over()
        self._ended.acquire()
        if self.failure is not None:
            raise self.failure

    def step(self) -> None:
        """Let happen to the current process what happens at this step."""
        if self.current.dead or self.failure is not None:
            raise Died
        self._steps += 1
        if self._steps > MOST_STEPS:
            self.fail(AssertionError(f"a history must end within {MOST_STEPS} steps"))
        self.current.on_step()

    def pass_to(self, at: float) -> None:
        """Wait until a time, and always for a moment, as a step of the current process."""
        self.step()
        if self.current.doomed:
            self.die()
        self.advance(max(at, self.current.at) + MOMENT_S)

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        self.pass_to(self.current.at + seconds)

    def advance(self, at: float) -> None:
        """Let the time of the current process pass, and give the others their turns until then."""
        process = self.current
        process.at = max(process.at, at)
        if process.at > self._until:
            self.fail(AssertionError(f"{process.name} must end by {self._until:g} s, but still runs"))
        if self._waiting and self._waiting[0][0] < process.at:
            self._wait(process)
            self._hand_over()
            process.turn.acquire()
        if self.failure is not None:
            raise Died

    def die(self) -> None:
        """Kill the current process."""
        self.tell("is killed")
        self.current.dead = True
        raise Died

    def fail(self, why: BaseException) -> None:
        """End the history."""
        self.failure = self.failure or why
        raise Died

    def tell(self, what: str) -> None:
        """Add a line to the story."""
        if self._story is not None:
            self._story.append(f"{self.current.at:9.2f} s  {self.current.name:14} {what}")

    def _wait(self, process: Process) -> None:
        self._spawned += 1
        heapq.heappush(self._waiting, (process.at, self._spawned, process))

    def _hand_over(self) -> None:
        """Give the turn to the earliest process; the history has ended if there is none."""
        if not self._waiting:
            self._ended.release()
            return
        self.current = heapq.heappop(self._waiting)[2]
        if self.current.begun:
            self.current.turn.release()
        else:
            self.current.begun = True
            threading.Thread(target=self._live, args=(self.current,), daemon=True).start()

    def _live(self, process: Process) -> None:
        try:
            if self.failure is None:
                process.body()
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001 - it ends the history
            self.failure = self.failure or error
        self._hand_over()
