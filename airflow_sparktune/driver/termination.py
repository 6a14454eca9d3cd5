"""Handle SIGTERM in a driver, so that it can record its end before it exits."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# The exit code of a program that SIGTERM ended.
KILLED = 143


class Killed(BaseException):
    """SIGTERM has arrived."""


class Termination:
    """Raises Killed on the first SIGTERM; later ones are ignored while the driver records its end.

    Killed is raised at once in the main thread, until `defer` is called. The running code may swallow it or
    raise another error; `requested` still tells that SIGTERM has arrived.
    """

    def __init__(self, interrupt: Callable[[BaseException], None] | None = None) -> None:
        self.requested = False
        self._interrupt = interrupt
        self._deferred = False

    def check(self) -> None:
        """Raise Killed again if it was raised before and swallowed."""
        if self.requested:
            raise Killed

    def defer(self) -> None:
        """Pass Killed to `interrupt` from now on, which raises it at a safe point.

        If SIGTERM has arrived before, `interrupt` is called at once.
        """
        self._deferred = True
        if self.requested and self._interrupt is not None:
            self._interrupt(Killed())

    def on_sigterm(self, _signum: int, _frame: Any) -> None:
        """Handle the signal."""
        if self.requested:
            return
        self.requested = True
        if self._interrupt is None or not self._deferred:
            raise Killed
        self._interrupt(Killed())


@contextmanager
def terminable(interrupt: Callable[[BaseException], None] | None = None) -> Iterator[Termination]:
    """Raise Killed in this context on SIGTERM, unless SIGTERM has another handler.

    Code in the context may defer it, from when on `interrupt` is called instead, in the signal handler.
    """
    termination = Termination(interrupt)
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
    """Restore the default SIGTERM handler in forks of this process, e.g. multiprocessing's."""

    def forget() -> None:
        handler = signal.getsignal(signal.SIGTERM)
        if isinstance(getattr(handler, "__self__", None), Termination):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    os.register_at_fork(after_in_child=forget)
