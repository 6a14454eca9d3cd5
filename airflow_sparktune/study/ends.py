"""The two ends of a long text, such as what a trial prints."""

from __future__ import annotations

from collections import deque

# The largest output of a trial in a log and on the page, in characters.
SHOWN_CHARS = 32_768


class Ends:
    """The first and the last `half` characters of a text that grows by lines; `left_out` counts the rest."""

    def __init__(self, half: int) -> None:
        self.first: list[str] = []
        self.last: deque[str] = deque()
        self.left_out = 0
        self._half = half
        self._room = half
        self._waiting = 0

    def add(self, line: str) -> bool:
        """Add a line; return whether it belongs to the first characters."""
        if len(line) <= self._room:
            self._room -= len(line)
            self.first.append(line)
            return True
        self._room = 0
        self.last.append(line[-self._half :])
        self.left_out += max(len(line) - self._half, 0)
        self._waiting += len(self.last[-1])
        while self._waiting > self._half:
            dropped = len(self.last.popleft())
            self._waiting -= dropped
            self.left_out += dropped
        return False


def left_out_text(characters: int) -> str:
    """Return the line in place of the characters that a text leaves out."""
    return f"... {characters} characters left out ...\n"


def shortened(text: str) -> str:
    """Return the text with its middle left out if it is longer than SHOWN_CHARS."""
    ends = Ends(SHOWN_CHARS // 2)
    for line in text.splitlines(keepends=True):
        ends.add(line)
    return "".join([*ends.first, left_out_text(ends.left_out) if ends.left_out else "", *ends.last])
