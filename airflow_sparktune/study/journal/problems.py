"""Descriptions of the data in a journal that could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_sparktune.printable import printable

MOST_PROBLEMS = 50
# Errors from a journal with contents that no driver writes.
INVALID = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_NAMED = 3


class Problems:
    """A list of distinct sentences, at most `MOST_PROBLEMS` however much is wrong in a study folder.

    >>> problems = Problems()
    >>> problems.add_foreign("attempts", ["README", "a", "b", "c"], what="an attempt's folder")
    >>> list(problems)
    ["attempts holds 4 entries that are not an attempt's folder: README, a, b, ...; skipped"]
    """

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._more = False

    def add(self, sentence: str, *, about: str | None = None) -> None:
        """Add a sentence; it replaces an earlier one with the same `about`."""
        key = about or sentence
        if key not in self._said and len(self._said) >= MOST_PROBLEMS:
            self._more = True
            return
        self._said[key] = printable(sentence, keep="")

    def add_foreign(self, folder: str, names: Sequence[str], *, what: str) -> None:
        """Report the names in a folder that are not `what` it should hold."""
        if not names:
            return
        shown = ", ".join([*names[:_NAMED], *(["..."] if len(names) > _NAMED else [])])
        entries = "an entry that is" if len(names) == 1 else f"{len(names)} entries that are"
        self.add(f"{folder} holds {entries} not {what}: {shown}; skipped", about=f"foreign names in {folder}")

    def __iter__(self) -> Iterator[str]:
        yield from self._said.values()
        if self._more:
            yield "more problems were found, and are not listed"

    def __len__(self) -> int:
        return len(self._said) + self._more
