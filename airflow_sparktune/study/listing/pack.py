"""The pack of a task: the rows of its studies in one file beside them, which spares reading the journals.

Anybody who may write there may write anything into it, and tasks that end at the same time overwrite each
other's. So a pack is only a hint: a row counts if it is valid and has the mark that the listing shows. A row
that is missing or does not count is made from the journal.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Container, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import MOST_BYTES, decoded
from airflow_sparktune.study.json_object import JsonObject
from airflow_sparktune.study.listing.row import Setup, StudyRow, fingerprint
from airflow_sparktune.study.storage import Storage

log = logging.getLogger(__name__)

NAME = "@studies.json"
# Raise it when a row gets another field or another meaning: packs of another number are not read.
_SCHEMA = 2
_MOST_BYTES = MOST_BYTES // 2

T = TypeVar("T", bound=JsonObject)


def read_pack(storage: Storage, wanted: Container[str] | None = None) -> dict[str, StudyRow]:
    """Return the valid rows of the pack in a task's folder, by the paths of their studies.

    It checks those at the `wanted` paths only, because a pack may have the segments of many weeks.
    """
    try:
        data = decoded(storage.read(NAME))
    except FileNotFoundError:
        return {}
    except (StorageError, OSError, ValueError) as error:
        log.warning("%s cannot be read, so the studies are read: %s", NAME, error)
        return {}
    if not shape.group(data) or data.get("v") != _SCHEMA:
        return {}
    plain = dict(_group(data, "setups"))
    setup_of = cache(lambda name: _valid(Setup, plain.get(name)))
    found = {}
    for path, each in _group(data, "rows"):
        if not shape.group(each) or (wanted is not None and path not in wanted):
            continue
        setup = setup_of(str(each.get("setup")))
        if setup is not None and (row := _valid(StudyRow, {**each, "setup": setup})) is not None:
            found[path] = row
    return found


def write_pack(storage: Storage, rows: Mapping[str, StudyRow]) -> None:
    """Write the rows, as many of the first ones as a file may hold."""
    setups: dict[str, str] = {}
    packed: list[str] = []
    left = _MOST_BYTES
    for path, row in rows.items():
        plain = row.to_json()
        setup = json.dumps(plain["setup"])
        name = fingerprint(plain["setup"])
        text = f"{json.dumps(path)}: {json.dumps({**plain, 'setup': name})}"
        left -= len(text) + (0 if name in setups else len(setup))
        if left < 0:
            break
        setups[name] = f"{json.dumps(name)}: {setup}"
        packed.append(text)
    both = (",\n".join(each) for each in (setups.values(), packed))
    text = '{{"v": {}, "setups": {{{}}}, "rows": {{{}}}}}'.format(_SCHEMA, *both)
    storage.write(NAME, text.encode())


def _group(data: Mapping[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    found = data.get(name)
    return found.items() if isinstance(found, Mapping) else ()


def _valid(kind: type[T], data: Any) -> T | None:
    try:
        return kind.from_json(data)
    except ValueError:
        return None
