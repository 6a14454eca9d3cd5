"""The API server: HTTP with TLS and bearer tokens over the objects, and the faults that a test asks for."""

from __future__ import annotations

import json
import ssl
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.kubernetes.stand_in.kubelet import Kubelet
from tests.kubernetes.stand_in.objects import KINDS, Key, Object, Objects, Refused
from tests.kubernetes.stand_in.queries import merged, selected_by
from tests.kubernetes.stand_in.request import Request
from tests.kubernetes.stand_in.watch import Watch


@dataclass(frozen=True)
class Asked:
    """A request: who wants to do what with which resource, and the status of the answer."""

    who: str
    verb: str
    resource: str
    name: str
    status: int


@dataclass
class Faults:
    """What goes wrong, set by a test."""

    away: bool = False
    most_pods: int | None = None
    cuts: int = 0  # counts; a watch that began at a smaller count ends


@dataclass
class ApiServer:
    """Serves objects at one or more addresses."""

    objects: Objects
    kubelet: Kubelet
    who: Mapping[str, str]  # by bearer token
    certificate: tuple[Path, Path]
    may: Callable[[str, str, str], bool]
    faults: Faults = field(default_factory=Faults)
    asked: list[Asked] = field(default_factory=list)
    _servers: list[ThreadingHTTPServer] = field(default_factory=list)

    def listen(self, address: str, port: int = 0) -> int:
        """Serve at an address of this machine; returns the port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        server = _Server((address, port), type("Bound", (_Handler,), {"api": self}))
        # The handshake takes place in the thread of the connection.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._servers.append(server)
        return int(server.server_address[1])

    def close(self) -> None:
        self.faults.away = True
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def may_create(self, kind: str, namespace: str) -> None:
        """Raise Refused if the namespace's quota is used up."""
        most = self.faults.most_pods
        if kind == "pods" and most is not None:
            used = len(self.objects.find("pods", namespace, lambda pod: pod["status"]["phase"] in _ACTIVE))
            if used >= most:
                raise Refused(
                    403,
                    "Forbidden",
                    f"exceeded quota: studies, requested: pods=1, used: pods={used}, limited: pods={most}",
                )


_ACTIVE = ("Pending", "Running")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients go away in the middle of a request, and are cut off on purpose."""


class _Handler(BaseHTTPRequestHandler):
    api: ApiServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def serve(self) -> None:
        given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.api.faults.away:
            self.close_connection = True
            return
        request = Request.of(self.command, self.path, self.headers)
        who = self.api.who.get(self.headers.get("Authorization", "").removeprefix("Bearer "), "")
        status = 200
        try:
            if not who:
                raise Refused(401, "Unauthorized", "a valid bearer token is required")
            if request.kind and not self.api.may(who, request.resource, request.verb):
                raise Refused(403, "Forbidden", f"{who} cannot {request.verb} {request.resource}")
            answer = self._answer(request, json.loads(given or b"{}"))
            if isinstance(answer, Watch):
                self._note(who, request, 200)
                self.close_connection = True
                answer.serve(self)
                return
            status, body = answer
        except Refused as refused:
            status, body = refused.code, refused.status()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True
            return
        self._note(who, request, status)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815 - named by http.server

    def _note(self, who: str, request: Request, status: int) -> None:
        if request.kind:
            self.api.asked.append(Asked(who, request.verb, request.resource, request.name, status))
            if request.verb == "patch" and status == 201:
                # An apply of what is not there needs both rights.
                self.api.asked.append(Asked(who, "create", request.resource, request.name, status))

    def _answer(self, request: Request, given: Object) -> tuple[int, Object | bytes] | Watch:
        if not request.kind:
            if request.path == "/version":
                return 200, {"major": "1", "minor": "33", "gitVersion": "v1.33.0"}
            raise Refused(404, "NotFound", f"no {request.path}")
        return _VERBS[request.verb](self.api, request, given)


def _get(api: ApiServer, request: Request, _: Object) -> tuple[int, Object | bytes]:
    found = api.objects.get(request.key)
    if request.sub == "log":
        return 200, api.kubelet.output(found)
    return 200, found


def _list(api: ApiServer, request: Request, _: Object) -> tuple[int, Object]:
    with api.objects.changed:
        found = api.objects.find(request.kind, request.namespace or None, selected_by(request.query))
        metadata = {"resourceVersion": str(api.objects.version)}
    kind = f"{KINDS.get(request.kind, request.kind)}List"
    return 200, {"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": found}


def _watch(api: ApiServer, request: Request, _: Object) -> Watch:
    began = api.faults.cuts
    return Watch(
        api.objects,
        kind=request.kind,
        namespace=request.namespace or None,
        fits=selected_by(request.query),
        since=int(request.query.get("resourceVersion") or 0),
        by_frames=request.by_frames,
        is_cut=lambda: api.faults.away or api.faults.cuts > began,
    )


def _create(api: ApiServer, request: Request, given: Object) -> tuple[int, Object]:
    name = given["metadata"].get("name") or f"{given['metadata']['generateName']}{uuid.uuid4().hex[:5]}"
    return 201, _made(api, request.key._replace(name=name), given)


def _made(api: ApiServer, key: Key, given: Object) -> Object:
    api.may_create(key.kind, key.namespace)
    if key.kind != "pods":
        return api.objects.create(key, given)
    made = api.objects.create(key, {**given, "status": {"phase": "Pending"}})
    api.kubelet.start(made)
    return made


def _update(api: ApiServer, request: Request, given: Object) -> tuple[int, Object]:
    return _changed(api, request, lambda old: {**given, "metadata": {**old["metadata"], **given["metadata"]}})


def _patch(api: ApiServer, request: Request, given: Object) -> tuple[int, Object]:
    try:
        return _changed(api, request, lambda old: merged(old, given))
    except Refused as refused:
        if refused.code == 404 and "apply" in request.content:
            return 201, _made(api, request.key, given)
        raise


def _changed(api: ApiServer, request: Request, change: Callable[[Object], Object]) -> tuple[int, Object]:
    found = api.objects.update(request.key, change)
    if found is None:
        raise Refused(404, "NotFound", f'{request.kind} "{request.name}" not found')
    return 200, found


def _delete(api: ApiServer, request: Request, given: Object) -> tuple[int, Object]:
    found = api.objects.get(request.key)
    asked = given.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
    delete(api, request.key, grace_s=None if asked is None else float(asked))
    return 200, found


def _delete_all(api: ApiServer, request: Request, given: Object) -> tuple[int, Object]:
    status, found = _list(api, request, given)
    for each in found["items"]:
        delete(api, request.key._replace(name=each["metadata"]["name"]))
    return status, found


def delete(api: ApiServer, key: Key, *, grace_s: float | None = None) -> None:
    """Delete an object, a running pod after its end; then all that it owned."""

    def remove() -> None:
        for owned in api.objects.remove(key):
            delete(api, owned)

    if key.kind == "pods":
        api.kubelet.stop(key, grace_s=grace_s, then=remove)
    else:
        remove()


_VERBS: Mapping[str, Callable[[ApiServer, Request, Object], Any]] = {
    "get": _get,
    "list": _list,
    "watch": _watch,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete_all,
}
