"""The listener for reports: one TCP port per engine, shared by its studies.

One thread answers all connections, so an answer never waits for the loop or its storage. A connection has to
prove that it knows a study's secret before anything that it sends is parsed.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import socket
import threading
from contextlib import suppress
from typing import Any

from airflow_sparktune.executor.reports.report import (
    KEY_BYTES,
    LENGTH_BYTES,
    NONCE_BYTES,
    PROOF_BYTES,
    Door,
    Receive,
    Report,
    framed,
    proof,
    require_size,
    unframed,
)

log = logging.getLogger(__name__)

# How long a new connection may take to prove the secret, and how many may be about to.
CHALLENGE_S = 2.0
MOST_STRANGERS = 256


class Channel:
    """Listens at the address `bind`; workers reach it at `host`. Raises OSError if the port is taken."""

    def __init__(self, *, bind: str, host: str, port: int = 0) -> None:
        self._host = host
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        self._listener = socket.create_server((bind, port), family=family, backlog=128)
        self._doors: dict[bytes, tuple[bytes, Receive]] = {}
        self.connections: set[_Connection] = set()
        self._refused = False
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="reports", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Return the port."""
        return int(self._listener.getsockname()[1])

    def open(self, receive: Receive) -> Door:
        """Let the trials of a study in: `receive` answers their reports, in the channel's thread."""
        door = Door(self._host, self.port, secrets.token_bytes(KEY_BYTES), secrets.token_bytes(32))
        self._doors[door.key] = door.secret, receive
        return door

    def shut(self, door: Door) -> None:
        """Refuse new connections for a study."""
        self._doors.pop(door.key, None)

    def close(self) -> None:
        """Close the port and all connections."""
        with suppress(RuntimeError):  # the loop has been closed before
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        server = await self._loop.create_server(lambda: _Connection(self), sock=self._listener)
        await self._closing.wait()
        server.close()
        for connection in list(self.connections):
            connection.close()

    def proved(self, key: bytes, ours: bytes, theirs: bytes, shown: bytes) -> tuple[Receive, bytes]:
        """Return what receives the reports of the study whose secret the other end knows, and our proof."""
        secret, receive = self._doors.get(key, (secrets.token_bytes(32), None))
        if not hmac.compare_digest(shown, proof(secret, b"worker", ours, theirs)) or receive is None:
            raise PermissionError("it does not know the secret of a study")
        return receive, proof(secret, b"driver", ours, theirs)

    def refused(self, peer: str, error: Exception) -> None:
        """Log the first refusal only: a stranger could fill the log."""
        if not self._refused:
            self._refused = True
            log.warning(
                "a connection from %s to the port for reports was refused (%s); others are refused silently",
                peer, error,
            )  # fmt: skip


class _Connection(asyncio.Protocol):
    """Challenges a client, then answers its reports; keeps less than one frame of what it has sent.

    asyncio's streams would take twice as long for a report.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._nonce = secrets.token_bytes(NONCE_BYTES)
        self._unread = bytearray()
        self._receive: Receive | None = None  # None until it has proved the secret

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        late = TimeoutError("it has not proved the secret in time")
        self._deadline = asyncio.get_running_loop().call_later(CHALLENGE_S, self._refuse, late)
        connections = self._channel.connections
        connections.add(self)
        if sum(each._receive is None for each in connections) > MOST_STRANGERS:
            self._refuse(PermissionError("too many connections have not proved the secret"))
        else:
            transport.write(self._nonce)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        try:
            if self._receive is None:
                self._challenge()
            while self._receive is not None and (frame := self._frame()) is not None:
                self._transport.write(framed(self._receive(Report.from_json(unframed(frame)))))
        except (PermissionError, ValueError) as error:
            self._refuse(error)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        self._deadline.cancel()
        self._channel.connections.discard(self)

    def pause_writing(self) -> None:
        """Read no more from a worker that does not read its answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _challenge(self) -> None:
        """Let the other end in, once its whole proof is there; raises PermissionError."""
        if len(self._unread) >= KEY_BYTES + NONCE_BYTES + PROOF_BYTES:
            key, theirs, shown = map(self._taken, (KEY_BYTES, NONCE_BYTES, PROOF_BYTES))
            self._receive, ours = self._channel.proved(key, self._nonce, theirs, shown)
            self._deadline.cancel()
            self._transport.write(ours)

    def _frame(self) -> bytes | None:
        """Return the content of the next frame, or None if it is not there yet; raises ValueError."""
        size = require_size(int.from_bytes(self._unread[:LENGTH_BYTES], "big"))
        if len(self._unread) < LENGTH_BYTES + size:
            return None
        self._taken(LENGTH_BYTES)
        return self._taken(size)

    def _taken(self, size: int) -> bytes:
        found = bytes(self._unread[:size])
        del self._unread[:size]
        return found

    def _refuse(self, error: Exception) -> None:
        peer = self._transport.get_extra_info("peername")
        self._channel.refused(peer[0] if peer else "a client", error)
        self._transport.close()
