"""A proxy for an S3 server that injects faults of networks and servers into requests, and counts both."""

from __future__ import annotations

import html
import http.client
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class Fault(Enum):
    """A fault of a request."""

    SLOW_DOWN = "503 SlowDown, not executed"
    UNAVAILABLE = "503 ServiceUnavailable, not executed"
    EXPIRED = "403 ExpiredToken, not executed"
    RESET_BEFORE = "connection reset in the middle of the request, not executed"
    RESET_AFTER = "executed, connection reset instead of the answer"
    NOT_YET = "404 for an object that exists"


_ANSWERS = {
    Fault.SLOW_DOWN: (503, "SlowDown"),
    Fault.UNAVAILABLE: (503, "ServiceUnavailable"),
    Fault.EXPIRED: (403, "ExpiredToken"),
    Fault.NOT_YET: (404, "NoSuchKey"),
}


# An object or a folder in a listing.
_ENTRY = re.compile(
    r"<(?P<kind>Contents|CommonPrefixes)>.*?<(Key|Prefix)>(?P<name>.*?)</(Key|Prefix)>.*?</(?P=kind)>",
    re.DOTALL,
)


@dataclass(frozen=True)
class Request:
    """A request: `kind` is PUT, GET, HEAD, LIST, DELETE or POST, `key` the access key of the client."""

    kind: str
    path: str
    key: str = ""


# Returns the fault of a request, or None to forward it.
Chooser = Callable[[Request], Fault | None]


@dataclass
class FaultyProxy:
    """The settings of the proxy, which may be replaced at any time, and its counters.

    `delay_s` is added to each answer; a listing lacks the objects written in the last `stale_s` seconds.
    """

    url: str
    choose: Chooser = lambda request: None
    delay_s: float = 0.0
    stale_s: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    injected: Counter[Fault] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    written: dict[str, float] = field(default_factory=dict)


@contextmanager
def faulty_proxy(server: str) -> Iterator[FaultyProxy]:
    """Run a proxy for `server` on loopback, until the context ends."""

    class Handler(_Handler):
        upstream = urlsplit(server).netloc

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        Handler.proxy = FaultyProxy(f"http://127.0.0.1:{listener.server_port}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Handler.proxy
        finally:
            listener.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # sends an answer in one piece, because a second one would wait for an acknowledgement
    proxy: FaultyProxy
    upstream: str

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # a client that gave up
            self.close_connection = True

    def _serve(self) -> None:
        proxy, request = self.proxy, self._request()
        fault = proxy.choose(request)
        with proxy.lock:
            proxy.requests[request.kind] += 1
            if fault is not None:
                proxy.injected[fault] += 1
        if fault is Fault.RESET_BEFORE:
            self._reset()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(proxy.delay_s)
        if fault in _ANSWERS:
            self._refuse(*_ANSWERS[fault])
            return
        status, headers, answer = self._forward(body)
        if fault is Fault.RESET_AFTER:
            self._reset()
            return
        if request.kind == "PUT" and status == http.client.OK:
            key = unquote(request.path).lstrip("/").partition("/")[2]
            proxy.written.setdefault(key, time.monotonic())
        if request.kind == "LIST" and status == http.client.OK and proxy.stale_s:
            answer = self._aged(answer)
        self._answer(status, headers, answer)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _serve  # noqa: N815 - the base class's names

    def handle_expect_100(self) -> bool:
        """Send the response at once, because the client waits for it before it sends the body."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        listing = self.command == "GET" and "list-type" in parse_qs(parts.query, keep_blank_values=True)
        signed = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization") or "")
        return Request("LIST" if listing else self.command, parts.path, signed[1] if signed else "")

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _aged(self, answer: bytes) -> bytes:
        """Return the listing without the objects and folders that are younger than `stale_s`."""
        since = time.monotonic() - self.proxy.stale_s
        written = dict(self.proxy.written)

        def known(entry: re.Match[str]) -> str:
            name = unquote(html.unescape(entry["name"]))
            times = [
                at for key, at in written.items() if key == name or key.startswith(f"{name.rstrip('/')}/")
            ]
            return "" if times and min(times) > since else entry[0]

        return _ENTRY.sub(known, answer.decode()).encode()

    def _refuse(self, status: int, code: str) -> None:
        xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        self._answer(status, [("Content-Type", "application/xml")], xml)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        # The answer to HEAD has the length of the object, which is not sent.
        length = dict(headers).get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        """Reset the connection, without reading the rest of the request."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
