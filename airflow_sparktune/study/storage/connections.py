"""Addresses that name an Airflow connection: `s3://conn_id@bucket/prefix`.

Airflow's processes open them with the connection's credentials. The driver gets the address without the
connection, and uses the credentials of the cluster that it runs on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from airflow_sparktune.errors import StorageError

# In other schemes, the part before the @ is a user or a container.
_ADDRESS = re.compile(r"(?P<scheme>s3a?|gs|gcs)://(?P<conn_id>[^/@]+)@(?P<rest>.*)", re.DOTALL)

# Returns the fsspec file system for a scheme and a connection id.
Opener = Callable[[str, str], Any]
_opener: Opener | None = None


def use_connections(opener: Opener) -> None:
    """Let this process open addresses with a connection, by `opener`."""
    global _opener
    _opener = opener


def connection_of(address: str) -> str | None:
    """Return the id of the connection that an address names.

    >>> connection_of("s3://aws_lake@bucket/sparktune")
    'aws_lake'
    """
    found = _ADDRESS.fullmatch(address)
    return found["conn_id"] if found else None


def without_connection(address: str) -> str:
    """Return the address for processes outside Airflow.

    >>> without_connection("s3://aws_lake@bucket/sparktune"), without_connection("sftp://me@host/studies")
    ('s3://bucket/sparktune', 'sftp://me@host/studies')
    """
    found = _ADDRESS.fullmatch(address)
    return f"{found['scheme']}://{found['rest']}" if found else address


def opened(address: str) -> Any:
    """Return the file system for an address with a connection, None for one without.

    Raises StorageError if this process has no connections, or cannot use that one.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return None
    if _opener is None:
        raise StorageError(
            f"{address} names an Airflow connection, which only Airflow's processes have; "
            f"use {without_connection(address)} here, with credentials in the environment"
        )
    return _opener(found["scheme"], found["conn_id"])
