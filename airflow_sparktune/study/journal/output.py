"""The trials' output, stored beside the journal: one JSON line per trial, one folder per attempt.

It is not part of the journal: no result depends on it, and a file that cannot be written or read loses only
its own lines.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable

from airflow_sparktune.errors import StorageError
from airflow_sparktune.printable import printable
from airflow_sparktune.study.ends import shortened
from airflow_sparktune.study.journal.bounds import without_surrogates
from airflow_sparktune.study.journal.streams import attempt_of
from airflow_sparktune.study.storage import Storage

log = logging.getLogger(__name__)

FOLDER = "output"
# The largest output of one attempt that is kept. After the first half, long outputs of trials are shortened.
MOST_BYTES = 64 * 2**20
# A file is written once this many bytes wait, or once the first of them has waited this many seconds.
FILE_BYTES, FILE_S = 262_144, 5.0
# The largest number of an attempt's files that are searched for one trial.
MOST_FILES = 1_000

# A serial number, and the smallest and the largest number of a trial in the file.
_NAME = re.compile(r"([0-9]{1,9})-([0-9]{1,9})-([0-9]{1,9})\.jsonl")


class OutputWriter:
    """Writes the output of one attempt's trials; `stream` is the name of the attempt's stream of events."""

    def __init__(self, storage: Storage, stream: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._storage = storage
        self._folder = f"{FOLDER}/{stream}"
        self._clock = clock
        self._files = 0
        self._left = MOST_BYTES
        self._lines: list[bytes] = []
        self._numbers: list[int] = []
        self._since = 0.0

    def keep(self, number: int, text: str) -> None:
        """Keep the output of a trial; the next `flush` that is due writes it."""
        if not self._left:
            return
        if self._left < MOST_BYTES // 2:
            text = shortened(text)
        line = json.dumps({"trial": number, "text": without_surrogates(text)}).encode()
        if len(line) > self._left:
            self._left = 0
            log.warning(
                "trials have printed %d MB, more than a study keeps; further output is only in the log",
                MOST_BYTES >> 20,
            )
            return
        if not self._lines:
            self._since = self._clock()
        self._left -= len(line)
        self._lines.append(line)
        self._numbers.append(number)

    def flush(self, *, now: bool = False) -> None:
        """Write the waiting output if it is large or old enough, or if `now` is set."""
        if not self._lines:
            return
        waits = sum(map(len, self._lines))
        if not now and waits < FILE_BYTES and self._clock() - self._since < FILE_S:
            return
        self._files += 1
        name = f"{self._files:06d}-{min(self._numbers)}-{max(self._numbers)}.jsonl"
        try:
            self._storage.write(f"{self._folder}/{name}", b"\n".join(self._lines) + b"\n")
        except StorageError as error:
            log.warning("the output of %d trials is only in the log: %s", len(self._lines), error)
        self._lines, self._numbers = [], []


def read_output(storage: Storage, *, attempt: int, number: int) -> str | None:
    """Return the output of a trial in an attempt, None if none was kept; raises StorageError.

    If the trial ran more than once in that attempt, this is the output of its last run.
    """
    folders = [name for name in storage.names(FOLDER) if attempt_of(name) == attempt]
    for folder in (f"{FOLDER}/{name}" for name in folders):
        for name in reversed(storage.names(folder)[-MOST_FILES:]):
            match = _NAME.fullmatch(name)
            if match is None or not int(match[2]) <= number <= int(match[3]):
                continue
            text = _find(storage, f"{folder}/{name}", number)
            if text is not None:
                return printable(text)
    return None


def _find(storage: Storage, name: str, number: int) -> str | None:
    try:
        lines = storage.read(name).splitlines()
    except FileNotFoundError:
        return None
    texts = (_text(line, number) for line in reversed(lines))
    return next((text for text in texts if text is not None), None)


def _text(line: bytes, number: int) -> str | None:
    """Return the text of a line if it is valid and belongs to the trial."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("trial") != number:
        return None
    text = data.get("text")
    return text if isinstance(text, str) else None
