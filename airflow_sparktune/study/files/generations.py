"""The generations of a task instance's study: a clear starts the next one.

`dag_run.json` beside them tells a DAG run from a deleted one with the same id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from airflow_sparktune.study.address import GENERATION, application_of, split
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.storage import open_storage

NAME = "dag_run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner(JsonObject):
    """The DAG run that a folder belongs to: its random token, and its `first` generation there.

    The earlier ones are those of a deleted run with the same id.
    """

    WHAT: ClassVar[str] = "a DAG run"

    token: str = stored(shape.text)
    first: int = stored(shape.whole, default=0, required=True)


def read_owner(folder: str) -> Owner | None:
    """Return the DAG run that a folder belongs to; None if no file says so.

    An invalid file counts as that of another run.
    """
    try:
        return Owner.from_json(decoded(open_storage(folder).read(NAME)))
    except FileNotFoundError:
        return None
    except ValueError:
        return Owner(token="")


def write_owner(folder: str, owner: Owner) -> None:
    """Write the DAG run that a folder belongs to, replacing an earlier one."""
    open_storage(folder).write(NAME, json.dumps(owner.to_json()).encode())


def generations(folder: str) -> list[int]:
    """Return the numbers of the generations in a folder, newest first."""
    found = filter(None, map(GENERATION.fullmatch, open_storage(folder).names("")))
    return sorted((int(match[1]) for match in found), reverse=True)


def earlier_generations(address: str) -> list[str]:
    """Return the addresses of the DAG run's earlier generations that exist, newest first.

    The list is empty for the first generation, and for a study whose folder is not named as a generation.
    """
    own = split(address)
    if own is None or own[1] == 0:
        return []
    folder, number = own
    instance, _ = split(application_of(address) or address) or own
    owner = read_owner(instance)
    first = owner.first if owner is not None else 0
    return [f"{folder}/g{each}" for each in generations(folder) if first <= each < number]
