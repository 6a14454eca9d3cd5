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
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from contextlib import suppress

from airflow_sparktune.executor.report import (
    KEY_BYTES,
    LENGTH_BYTES,
    MOST_BYTES,
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
        self._strangers = 0
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
        server = await asyncio.start_server(self._meet, sock=self._listener, limit=2 * MOST_BYTES)
        await self._closing.wait()
        server.close()

    async def _meet(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            if self._strangers >= MOST_STRANGERS:
                raise PermissionError("too many connections have not proved the secret")
            receive = await self._challenged(reader, writer)
            while True:
                size = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
                data = await reader.readexactly(require_size(size))
                writer.write(framed(receive(Report.from_json(unframed(data)))))
                await writer.drain()
        except (PermissionError, ValueError, TimeoutError) as error:
            self._refuse(writer, error)
        except (IncompleteReadError, OSError, asyncio.CancelledError):
            pass  # the worker has gone, or the channel is being closed
        finally:
            writer.close()

    async def _challenged(self, reader: StreamReader, writer: StreamWriter) -> Receive:
        """Return what receives the reports of the study whose secret the other end has proved to know."""
        self._strangers += 1
        try:
            async with asyncio.timeout(CHALLENGE_S):
                ours = secrets.token_bytes(NONCE_BYTES)
                writer.write(ours)
                key = await reader.readexactly(KEY_BYTES)
                theirs = await reader.readexactly(NONCE_BYTES)
                shown = await reader.readexactly(PROOF_BYTES)
        finally:
            self._strangers -= 1
        secret, receive = self._doors.get(key, (secrets.token_bytes(32), None))
        if not hmac.compare_digest(shown, proof(secret, b"worker", ours, theirs)) or receive is None:
            raise PermissionError("it does not know the secret of a study")
        writer.write(proof(secret, b"driver", ours, theirs))
        return receive

    def _refuse(self, writer: StreamWriter, error: Exception) -> None:
        """Log the first refusal only: a stranger could fill the log."""
        if not self._refused:
            self._refused = True
            peer = writer.get_extra_info("peername")
            log.warning(
                "a connection from %s to the port for reports was refused (%s); others are refused silently",
                peer[0] if peer else "a client",
                error or type(error).__name__,
            )
