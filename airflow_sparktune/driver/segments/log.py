"""Say in each line of the log which segment it is about."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_segment: ContextVar[str] = ContextVar("segment", default="")


@contextmanager
def lines_about(segment: str) -> Iterator[None]:
    """Mark what this thread logs in this context with the name of a segment."""
    token = _segment.set(segment)
    try:
        yield
    finally:
        _segment.reset(token)


class SegmentFormatter(logging.Formatter):
    """Begins each line with the segment that it is about, if it is about one."""

    def format(self, record: logging.LogRecord) -> str:
        text, segment = super().format(record), _segment.get()
        return textwrap.indent(text, f"[{segment}] ", lambda _: True) if segment else text


def mark_lines() -> None:
    """Let the handlers of the root logger mark their lines."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(SegmentFormatter("%(message)s"))
