"""End a driver by SIGTERM, and give it a moment to write so."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# The exit code of a program that SIGTERM has ended.
KILLED = 143


class Killed(BaseException):
    """SIGTERM has come."""


class Termination:
    """Raises Killed on the first SIGTERM; later ones do not disturb the driver's last steps.

    Until `hand_to` is called it is raised at once, in any code that the main thread runs, which may swallow
    it or raise another error: `asked` tells that it has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._interrupt: Callable[[BaseException], None] | None = None

    def check(self) -> None:
        """Raise Killed once more where it has come and was swallowed."""
        if self.asked:
            raise Killed

    def hand_to(self, interrupt: Callable[[BaseException], None]) -> None:
        """Give Killed to `interrupt` from now on, which raises it where that does no harm.

        One that was swallowed before is given at once.
        """
        self._interrupt = interrupt
        if self.asked:
            interrupt(Killed())

    def on_sigterm(self, _signum: int, _frame: Any) -> None:
        """Handle the signal."""
        if self.asked:
            return
        self.asked = True
        if self._interrupt is None:
            raise Killed
        self._interrupt(Killed())


@contextmanager
def terminable() -> Iterator[Termination]:
    """Let SIGTERM end by Killed what runs here, where nobody else handles it."""
    termination = Termination()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield termination
        return
    _leave_children_alone()
    signal.signal(signal.SIGTERM, termination.on_sigterm)
    try:
        yield termination
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@cache
def _leave_children_alone() -> None:
    """Let a fork of this process (multiprocessing's) end by SIGTERM as any other process does."""

    def forget() -> None:
        handler = signal.getsignal(signal.SIGTERM)
        if isinstance(getattr(handler, "__self__", None), Termination):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    os.register_at_fork(after_in_child=forget)
