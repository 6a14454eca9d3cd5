"""Mark the lines of a trial's output with its name, bound them in the log, and keep them for the driver."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_sparktune.study.ends import SHOWN_CHARS, Ends, left_out_text

# The largest output of a trial that is kept, in characters.
WHOLE_CHARS = 2_097_152
# A longer line gets another mark after this many characters.
LINE_CHARS = 8_192

# Held by a thread that changes an output. A forked child must not find it held by a thread that it lacks.
_writing = threading.RLock()
os.register_at_fork(
    before=_writing.acquire, after_in_parent=_writing.release, after_in_child=_writing.release
)


class TrialOutput:
    """Keeps the lines of one trial as `text`, and bounds what goes to the log.

    The log gets the start of the output at once, and its end when the trial ends. Threads of the trial may
    write at the same time.
    """

    def __init__(self, name: str) -> None:
        self._mark = f"[{name}] "
        self._number = name.rpartition(" ")[2]
        self._unfinished = ""
        self._kept = Ends(WHOLE_CHARS // 2)
        self._logged = Ends(SHOWN_CHARS // 2)

    @property
    def text(self) -> str:
        left_out = left_out_text(self._kept.left_out) if self._kept.left_out else ""
        return "".join([*self._kept.first, left_out, *self._kept.last])

    def lines(self, written: str) -> str:
        """Keep the written text, and return the marked lines that the log gets now."""
        with _writing:
            complete, newline, rest = (self._unfinished + written).rpartition("\n")
            if not newline and len(rest) > LINE_CHARS:
                complete, newline, rest = rest, "\n", ""
            self._unfinished = rest
            return self._marked(complete) if newline else ""

    def end(self) -> str:
        """Return what the log gets when the trial ends."""
        with _writing:
            rest, self._unfinished = self._unfinished, ""
            told = self._marked(rest) if rest else ""
            if self._logged.left_out:
                told += (
                    f"{self._mark}... {self._logged.left_out} characters left out of this log; sparktune "
                    f"show STUDY --output {self._number} prints the whole output, up to {WHOLE_CHARS} "
                    "characters ...\n"
                )
            return told + "".join(self._logged.last)

    def _marked(self, text: str) -> str:
        # A progress bar overwrites its line repeatedly; only its last state counts as a line.
        lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
        for line in lines:
            self._kept.add(f"{line}\n")
        pieces = (
            line[start : start + LINE_CHARS]
            for line in lines
            for start in range(0, len(line) or 1, LINE_CHARS)
        )
        marked = (f"{self._mark}{piece}\n" for piece in pieces)
        waited = bool(self._logged.last)
        now = "".join(line for line in marked if self._logged.add(line))
        if self._logged.last and not waited:
            now += f"{self._mark}... the log gets the end of this output when the trial ends ...\n"
        return now


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
