"""`spec.json`: how whoever submits hands the spec to the driver."""

from __future__ import annotations

import json

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.storage import Storage, open_storage

NAME = "spec.json"


def write_spec(address: str, spec: Spec) -> None:
    """Put the spec into the study folder, in place of an earlier one."""
    open_storage(address).write(NAME, json.dumps(spec.to_json(), indent=2).encode())


def read_spec(storage: Storage, address: str) -> Spec:
    """The spec that whoever submitted has put into the study folder; raises StorageError."""
    try:
        return Spec.from_json(json.loads(storage.read(NAME)))
    except FileNotFoundError:
        raise StorageError(
            f"the study folder must hold {NAME}, found none at {address} from this machine; "
            "choose a storage that Airflow and the Spark driver both reach"
        ) from None
