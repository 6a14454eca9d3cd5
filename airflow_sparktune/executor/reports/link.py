"""The worker's end of the reports' channel: one connection per process and study."""

from __future__ import annotations

import hmac
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

# Imported by name before user code runs: an objective may replace attributes of a module.
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, socket
from time import monotonic

from airflow_sparktune.executor.reports.report import (
    LENGTH_BYTES,
    NONCE_BYTES,
    PROOF_BYTES,
    Answer,
    Door,
    Report,
    framed,
    proof,
    require_size,
    unframed,
)

# How long a trial waits for the driver: to connect, and for each answer.
WAIT_S = 2.0
# The pause after a failure doubles with each failure in sequence, from the first to the longest.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class SocketReports:
    """Sends reports to a driver. Travels in the broadcast; its connection stays in the process."""

    door: Door

    def answer(self, report: Report) -> Answer | None:
        """Return the driver's answer, or None if it cannot be reached."""
        key = os.getpid(), self.door  # a forked child must not write to its parent's connection
        with _opening:
            if key not in _links:
                _links[key] = Link(self.door)
            link = _links[key]
        return link.answer(report)


class Link:
    """A connection that opens with the first report, and again after a failure and a pause.

    Reports during a pause are not sent, so a driver that cannot be reached costs a trial little time.
    """

    def __init__(self, door: Door, *, clock: Callable[[], float] = monotonic) -> None:
        self._door = door
        self._clock = clock
        self._lock = threading.Lock()
        self._socket: socket | None = None
        self._pause_s, self._resumes = FIRST_PAUSE_S, clock()
        self._said = False
        self.trouble: str | None = None

    def answer(self, report: Report) -> Answer | None:
        """Send a report and return the answer, or None if the driver cannot be reached."""
        frame = framed(report.to_json())
        with self._lock:
            if self._clock() < self._resumes:
                return None
            try:
                if self._socket is None:
                    self._socket = self._open()
                self._socket.sendall(frame)
                answer = Answer(unframed(self._frame(self._socket)))
            except (OSError, ValueError) as error:
                self._fail(error)
                return None
            except BaseException:  # a signal handler of the user's may raise: the answer is still to come
                self._disconnect()
                raise
            self._pause_s, self._said = FIRST_PAUSE_S, False
            return answer

    def _open(self) -> socket:
        """Connect, and prove the secret to each other; raises OSError."""
        door = self._door
        opened = create_connection((door.host, door.port), timeout=WAIT_S)
        try:
            opened.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            theirs, ours = _exactly(opened, NONCE_BYTES), os.urandom(NONCE_BYTES)
            opened.sendall(door.key + ours + proof(door.secret, b"worker", theirs, ours))
            expected = proof(door.secret, b"driver", theirs, ours)
            if not hmac.compare_digest(_exactly(opened, PROOF_BYTES), expected):
                raise ConnectionError("another program answers there")
        except BaseException:
            opened.close()
            raise
        return opened

    def _frame(self, opened: socket) -> bytes:
        size = int.from_bytes(_exactly(opened, LENGTH_BYTES), "big")
        return _exactly(opened, require_size(size))

    def _disconnect(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _fail(self, error: Exception) -> None:
        self._disconnect()
        self._resumes = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if not self._said:
            self._said = True
            self.trouble = f"{self._door.host}:{self._door.port} cannot be reached: {error}"
            sys.stderr.write(f"trials go on without pruning, because reports are lost: {self.trouble}\n")


def take_trouble() -> str | None:
    """Return why reports of this process were lost, once for each time that they begin to be."""
    for link in list(_links.values()):
        if link.trouble is not None:
            found, link.trouble = link.trouble, None
            return found
    return None


_links: dict[tuple[int, Door], Link] = {}
_opening = threading.Lock()


def _exactly(opened: socket, size: int) -> bytes:
    """Return the next `size` bytes; raises OSError."""
    found = b""
    while len(found) < size:
        more = opened.recv(size - len(found))
        if not more:
            raise ConnectionError("the driver has closed the connection")
        found += more
    return found
