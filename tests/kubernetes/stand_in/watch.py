"""A watch: the changes of some objects, each as a line of a chunked body, or as a frame of a WebSocket."""

from __future__ import annotations

import base64
import hashlib
import json
import select
import struct
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.kubernetes.stand_in.objects import Change, Object, Objects, Refused

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


@dataclass(frozen=True, kw_only=True)
class _Asked:
    kind: str
    namespace: str | None
    fits: Callable[[Object], bool]
    since: int
    by_frames: bool
    is_cut: Callable[[], bool]


class Watch:
    """Sends what changes until the client goes away or the watch is cut."""

    def __init__(self, objects: Objects, **asked: Any) -> None:
        self._objects = objects
        self._asked = _Asked(**asked)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        send = _Frames(handler) if self._asked.by_frames else _Chunks(handler)
        asked, seen = self._asked, self._asked.since
        if not seen:
            with self._objects.changed:
                seen = self._objects.version
                first = self._objects.find(asked.kind, asked.namespace, asked.fits)
            for found in first:
                send({"type": "ADDED", "object": found})
        while not asked.is_cut() and send.is_open():
            try:
                changes = self._objects.since(seen, wait_s=0.2)
            except Refused as refused:
                send({"type": "ERROR", "object": refused.status()})
                return
            for change in changes:
                seen = change.version
                if (event := self._event(change)) is not None:
                    send(event)

    def _event(self, change: Change) -> Object | None:
        asked = self._asked
        if change.key.kind != asked.kind or asked.namespace not in (None, change.key.namespace):
            return None
        before = change.before is not None and asked.fits(change.before)
        after = change.after is not None and asked.fits(change.after)
        if not (before or after):
            return None
        kind = "DELETED" if not after else "MODIFIED" if before else "ADDED"
        return {"type": kind, "object": change.after or change.before}


class _Chunks:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._connection = handler.connection
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

    def __call__(self, event: Object) -> None:
        raw = json.dumps(event).encode() + b"\n"
        self._connection.sendall(b"%x\r\n%s\r\n" % (len(raw), raw))

    def is_open(self) -> bool:
        return _received(self._connection, closed=b"\0") != b"\0"


class _Frames:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._connection = handler.connection
        key = handler.headers["Sec-WebSocket-Key"] + _MAGIC
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header(
            "Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        )
        handler.end_headers()

    def __call__(self, event: Object) -> None:
        self._send(_TEXT, json.dumps(event).encode())

    def _send(self, kind: int, raw: bytes) -> None:
        size = len(raw)
        # Clients refuse a length that is not in its shortest form.
        if size < 126:
            head = struct.pack("!BB", 0x80 | kind, size)
        elif size < 2**16:
            head = struct.pack("!BBH", 0x80 | kind, 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 127, size)
        self._connection.sendall(head + raw)

    def is_open(self) -> bool:
        """Answer a ping or a farewell of the client; a client's frames are short, and masked."""
        got = _received(self._connection, closed=b"\x88\x80\0\0\0\0")
        if not got:
            return True
        mask, body = got[2:6], got[6 : 6 + (got[1] & 127)]
        plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
        if got[0] & 15 == _CLOSE:
            self._send(_CLOSE, plain[:2])
            return False
        if got[0] & 15 == _PING:
            self._send(_PONG, plain)
        return True


def _received(connection: Any, *, closed: bytes) -> bytes:
    """Return what the client has sent, if anything; `closed` if it has gone."""
    if not (connection.pending() or select.select([connection], [], [], 0)[0]):
        return b""
    try:
        return connection.recv(4096) or closed
    except OSError:
        return closed
