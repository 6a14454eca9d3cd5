"""`spec.json`: the file that hands the spec to the driver.

Others may be able to write to the study folder, and the spec names code to run. The driver gets the SHA-256
of the file on its command line, and runs only the spec with that hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.study.definition.spec import Spec
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.storage import Storage, open_storage

NAME = "spec.json"
# The fields, by name, that the operator sets for a script, which builds its own spec.
RETUNING = "retuning.json"

T = TypeVar("T")


def write_spec(address: str, spec: Spec) -> None:
    """Write the spec into the study folder, replacing an earlier one."""
    open_storage(address).write(NAME, _encode(spec))


def spec_sha256(spec: Spec) -> str:
    """Return the SHA-256 of the file that `write_spec` writes, in hexadecimal."""
    return hashlib.sha256(_encode(spec)).hexdigest()


def read_spec(storage: Storage, address: str, *, sha256: str) -> Spec:
    """Read the submitted spec; raises StorageError if it is missing, SpecError if its hash differs."""
    return parsed(read_submitted(storage, address, NAME, sha256=sha256), NAME, Spec.from_json)


def submitted_spec(address: str) -> Spec:
    """Return the spec that was written last into a study folder; raises SpecError if there is none."""
    try:
        return parsed(open_storage(address).read(NAME), NAME, Spec.from_json)
    except FileNotFoundError:
        raise SpecError(
            f"study must be the address of a prepared study, got {address!r} without {NAME}; pass "
            "prepared.output['study'] of the task of prepare_study"
        ) from None


def read_submitted(storage: Storage, address: str, name: str, *, sha256: str) -> bytes:
    """Read a submitted file; raises StorageError if it is missing, SpecError if its hash differs."""
    try:
        data = storage.read(name)
    except FileNotFoundError:
        raise StorageError(
            f"the study folder must hold {name}, found none at {address} from this machine; "
            "choose a storage that Airflow and the Spark driver both reach"
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SpecError(
            f"{name} at {address} must be the one that was submitted (SHA-256 {sha256[:12]}...), got another "
            f"({found[:12]}...); nothing of it was run. Submit again, and check who may write to that folder"
        )
    return data


def write_retuning(address: str, fields: Mapping[str, Any]) -> None:
    """Write the fields for a script's spec into the study folder."""
    open_storage(address).write(RETUNING, json.dumps(fields, indent=2).encode())


def with_retuning(spec: Spec, storage: Storage) -> Spec:
    """Return a script's spec with the fields that were submitted with it, if any."""
    try:
        data = storage.read(RETUNING)
    except FileNotFoundError:
        return spec
    return parsed(data, RETUNING, spec.with_script_fields)


def parsed(data: bytes, name: str, read: Callable[[Mapping[str, Any]], T]) -> T:
    """Return what `read` makes of the fields in a file; raises SpecError."""
    try:
        fields = decoded(data)
        if not shape.group(fields):
            raise ValueError("no object")
        return read(fields)
    except SpecError:
        raise
    except (ValueError, TypeError, LookupError) as error:
        raise SpecError(
            f"{name} of a study must hold the fields of a spec, but is invalid ({error}); submit it again"
        ) from error


def _encode(spec: Spec) -> bytes:
    return json.dumps(spec.to_json(), indent=2).encode()
