"""Measure how a driver spends its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up seconds by activity; a nested activity is not counted in the outer one.

    >>> watch = Stopwatch(clock=iter([0.0, 1.0, 3.0, 3.5]).__next__)
    >>> with watch.on("prepare"):
    ...     with watch.on("journal"):
    ...         pass
    >>> watch.seconds
    {'prepare_s': 1.5, 'journal_s': 2.0}
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._spent: dict[str, float] = {}
        self._inside: list[str] = []
        self._since = 0.0

    @property
    def seconds(self) -> dict[str, float]:
        """Return the seconds per activity so far, rounded to milliseconds."""
        return {name: round(spent, 3) for name, spent in self._spent.items()}

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the time inside this context for the activity `what`."""
        name = f"{what}_s"
        self._charge()
        self._spent.setdefault(name, 0.0)
        self._inside.append(name)
        try:
            yield
        finally:
            self._charge()
            self._inside.pop()

    def _charge(self) -> None:
        now = self._clock()
        if self._inside:
            self._spent[self._inside[-1]] += now - self._since
        self._since = now
