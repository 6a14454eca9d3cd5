"""The cluster's objects in memory. Each change has a resourceVersion and is remembered for watches."""

from __future__ import annotations

import copy
import itertools
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, RLock
from typing import Any, NamedTuple

Object = dict[str, Any]

KINDS = {
    "pods": "Pod",
    "services": "Service",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "networkpolicies": "NetworkPolicy",
}


class Key(NamedTuple):
    """The name of an object, by the plural of its kind."""

    kind: str
    namespace: str
    name: str


class Refused(Exception):
    """An answer of the API server that is an error."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason

    def status(self) -> Object:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": self.code,
            "reason": self.reason,
            "message": str(self),
        }


@dataclass(frozen=True)
class Change:
    """A change of an object; `before` is None for a new one, `after` for one that is gone."""

    version: int
    key: Key
    before: Object | None
    after: Object | None


class Objects:
    """Objects by key. Whoever changes one replaces it; what is returned is a copy."""

    def __init__(self) -> None:
        self.changed = Condition(RLock())
        self.version = 0
        self._objects: dict[Key, Object] = {}
        self._changes: deque[Change] = deque(maxlen=10_000)
        self._versions = itertools.count(1)
        self._oldest = 0

    def create(self, key: Key, given: Object) -> Object:
        with self.changed:
            if key in self._objects:
                raise Refused(409, "AlreadyExists", f'{key.kind} "{key.name}" already exists')
            given = {"apiVersion": "v1", "kind": KINDS.get(key.kind, key.kind), **given}
            given.setdefault("metadata", {})["uid"] = str(uuid.uuid4())
            given["metadata"]["creationTimestamp"] = now()
            return self._put(key, given)

    def update(self, key: Key, change: Callable[[Object], Object | None]) -> Object | None:
        """Replace an object by what `change` makes of it, in place or as a new one; None if it is gone."""
        with self.changed:
            if key not in self._objects:
                return None
            found = copy.deepcopy(self._objects[key])
            return self._put(key, change(found) or found)

    def remove(self, key: Key) -> list[Key]:
        """Remove an object; returns the keys of those that it owned, which have to go too."""
        with self.changed:
            gone = self._objects.pop(key, None)
            if gone is None:
                return []
            self._note(key, gone, None)
            uid = gone["metadata"]["uid"]
            return [each for each, found in self._objects.items() if uid in owners(found)]

    def get(self, key: Key) -> Object:
        with self.changed:
            if key not in self._objects:
                raise Refused(404, "NotFound", f'{key.kind} "{key.name}" not found')
            return copy.deepcopy(self._objects[key])

    def find(self, kind: str, namespace: str | None, fits: Callable[[Object], bool]) -> list[Object]:
        with self.changed:
            return [
                copy.deepcopy(found)
                for key, found in self._objects.items()
                if key.kind == kind and namespace in (None, key.namespace) and fits(found)
            ]

    def since(self, version: int, *, wait_s: float) -> list[Change]:
        """Return the changes after a version, as soon as there are any; Refused if they are forgotten."""
        with self.changed:
            self.changed.wait_for(lambda: self.version > version, wait_s)
            if version < self._oldest:
                raise Refused(410, "Expired", f"too old resource version: {version} ({self.version})")
            return [change for change in self._changes if change.version > version]

    def forget(self) -> None:
        """Forget the changes up to now, so that a watch from an earlier version is refused."""
        with self.changed:
            self._changes.clear()
            self._oldest = self.version

    def wait_for(self, key: Key, *, within_s: float = 60) -> Object:
        with self.changed:
            if not self.changed.wait_for(lambda: key in self._objects, within_s):
                raise TimeoutError(f"no {key} after {within_s:g} s")
            return self.get(key)

    def _put(self, key: Key, given: Object) -> Object:
        before = self._objects.get(key)
        given["metadata"].update(name=key.name, namespace=key.namespace)
        self._objects[key] = given
        self._note(key, before, given)
        return copy.deepcopy(given)

    def _note(self, key: Key, before: Object | None, after: Object | None) -> None:
        self.version = next(self._versions)
        last = copy.deepcopy(after or before)
        assert last is not None
        last["metadata"]["resourceVersion"] = str(self.version)
        if after is not None:
            after["metadata"]["resourceVersion"] = str(self.version)
        self._changes.append(Change(self.version, key, before if after else last, last if after else None))
        self.changed.notify_all()


def owners(found: Object) -> list[str]:
    return [owner["uid"] for owner in found["metadata"].get("ownerReferences") or []]


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
