"""Addresses that name a connection of Airflow's: `s3://conn_id@bucket/prefix`.

Airflow's processes open them with the connection's credentials. The driver gets the address without the
connection, and uses the credentials of the cluster that it runs on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from airflow_sparktune.errors import StorageError

# Of other kinds of storage the part before the @ is a user or a container.
_ADDRESS = re.compile(r"(?P<scheme>s3a?|gs|gcs)://(?P<conn_id>[^/@]+)@(?P<rest>.*)", re.DOTALL)

# Makes the fsspec file system of a scheme with the credentials of a connection.
Opener = Callable[[str, str], Any]
_opener: Opener | None = None


def use_connections(opener: Opener) -> None:
    """Open addresses with a connection by `opener`, in this process."""
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
    """Return an address as other processes than Airflow's open it.

    >>> without_connection("s3://aws_lake@bucket/sparktune"), without_connection("sftp://me@host/studies")
    ('s3://bucket/sparktune', 'sftp://me@host/studies')
    """
    found = _ADDRESS.fullmatch(address)
    return f"{found['scheme']}://{found['rest']}" if found else address


def with_connection_of(address: str, other: str) -> str:
    """Return `address` with the connection by which `other` is opened, where both are of one scheme.

    >>> with_connection_of("s3://bucket/churn", "s3://aws_lake@bucket/churn/g0")
    's3://aws_lake@bucket/churn'
    """
    found = _ADDRESS.fullmatch(other)
    prefix = f"{found['scheme']}://" if found else ""
    if found is None or _ADDRESS.fullmatch(address) or not address.startswith(prefix):
        return address
    return f"{prefix}{found['conn_id']}@{address.removeprefix(prefix)}"


def opened(address: str) -> Any:
    """Return the file system of an address with a connection, None for one without.

    Raises StorageError where this process has no connections, or cannot use that one.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return None
    if _opener is None:
        raise StorageError(
            f"{address} names a connection of Airflow's, which only Airflow's processes have; "
            f"use {without_connection(address)} here, with credentials in the environment"
        )
    return _opener(found["scheme"], found["conn_id"])
