"""Mark each line of a trial's output with the trial's name, and keep part of the output for the driver."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

# The largest output of a trial that is kept, in characters: half from its start, half from its end.
KEPT_CHARS = 32_768
# A longer line gets another mark after this many characters.
LINE_CHARS = 8_192


class TrialOutput:
    """Keeps the lines of one trial as `text`; the middle of a long output is left out."""

    def __init__(self, name: str) -> None:
        self._mark = f"[{name}] "
        self._unfinished = ""
        self._head = self._tail = ""
        self._left_out = 0

    @property
    def text(self) -> str:
        if not self._left_out:
            return self._head + self._tail
        return f"{self._head}\n... {self._left_out} characters left out ...\n{self._tail}"

    def lines(self, written: str) -> str:
        """Keep the written text, and return its complete lines, each with the trial's mark."""
        complete, newline, rest = (self._unfinished + written).rpartition("\n")
        if not newline and len(rest) > LINE_CHARS:
            complete, newline, rest = rest, "\n", ""
        self._unfinished = rest
        return self._marked(complete) if newline else ""

    def end(self) -> str:
        """Return the last line with its mark, if it does not end with a line break."""
        rest, self._unfinished = self._unfinished, ""
        return self._marked(rest) if rest else ""

    def _marked(self, text: str) -> str:
        # A progress bar overwrites its line repeatedly; only its last state counts as a line.
        lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
        self._keep("".join(f"{line}\n" for line in lines))
        return "".join(f"{self._mark}{line}\n" for line in lines)

    def _keep(self, text: str) -> None:
        room = max(KEPT_CHARS // 2 - len(self._head), 0)
        self._head += text[:room]
        tail = self._tail + text[room:]
        self._tail = tail[-(KEPT_CHARS // 2) :]
        self._left_out += len(tail) - len(self._tail)


class MarkedStream:
    """Replaces `sys.stdout` or `sys.stderr`; outside of trials, it does not change the text."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        output = _current()
        marked = text if output is None else output.lines(text)
        if marked:
            self._stream.write(marked)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle look these up before `_stream` is set
            raise AttributeError(name)
        return getattr(self._stream, name)


# The outputs of the trials in this process, by thread.
_outputs: dict[int, TrialOutput] = {}


@contextmanager
def captured(name: str) -> Iterator[TrialOutput]:
    """Mark and keep the output of Python code in this context.

    A line belongs to the trial whose thread prints it, or to the only trial in the process. Output that does
    not go through `sys.stdout` and `sys.stderr`, such as that of programs, is not changed.
    """
    # They remain installed, because logging handlers that a trial has created refer to them.
    if not isinstance(sys.stdout, MarkedStream):
        sys.stdout = MarkedStream(sys.stdout)
    if not isinstance(sys.stderr, MarkedStream):
        sys.stderr = MarkedStream(sys.stderr)
    thread, output = threading.get_ident(), TrialOutput(name)
    _outputs[thread] = output
    try:
        yield output
    finally:
        del _outputs[thread]
        if rest := output.end():
            sys.stdout.write(rest)
            sys.stdout.flush()


def _current() -> TrialOutput | None:
    output = _outputs.get(threading.get_ident())
    if output is None and len(_outputs) == 1:
        return next(iter(_outputs.values()), None)
    return output
