"""A request to the API server: a verb, and the objects that it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.kubernetes.stand_in.objects import Key

_PATH = re.compile(
    r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<kind>[a-z]+)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<sub>\w+))?)?"
)


@dataclass(frozen=True)
class Request:
    verb: str
    path: str
    kind: str
    namespace: str
    name: str
    sub: str
    query: Mapping[str, str]
    content: str
    by_frames: bool

    @classmethod
    def of(cls, method: str, target: str, headers: Any) -> Request:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        found = _PATH.fullmatch(url.path)
        parts = {name: value or "" for name, value in (found.groupdict() if found else {}).items()}
        name = parts.get("name", "")
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, "")
        if method == "DELETE":
            verb = "delete" if name else "deletecollection"
        elif method == "GET":
            verb = "get" if name else "watch" if query.get("watch", "").lower() in ("true", "1") else "list"
        return cls(
            verb=verb,
            path=url.path,
            kind=parts.get("kind", ""),
            namespace=parts.get("namespace", ""),
            name=name,
            sub=parts.get("sub", ""),
            query=query,
            content=headers.get("Content-Type") or "",
            by_frames=(headers.get("Upgrade") or "").lower() == "websocket",
        )

    @property
    def resource(self) -> str:
        return f"{self.kind}/{self.sub}" if self.sub else self.kind

    @property
    def key(self) -> Key:
        return Key(self.kind, self.namespace, self.name)
