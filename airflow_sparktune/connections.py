"""Storages with Airflow connections, for Airflow's processes, and for shells and notebooks with Airflow."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from airflow_sparktune.errors import StorageError, StorageUnavailable
from airflow_sparktune.study.storage import connection_of, use_connections


def register() -> None:
    """Let this process open addresses such as `s3://conn_id@bucket/prefix`; Airflow is imported on use."""
    use_connections(_files)


def environment_of(address: str) -> dict[str, str]:
    """Return the environment by which a task's child process opens an address, without asking Airflow.

    The result is empty if the address has no connection.
    """
    conn_id = connection_of(address)
    if conn_id is None:
        return {}
    from airflow.sdk import BaseHook

    return {f"AIRFLOW_CONN_{conn_id.upper()}": BaseHook.get_connection(conn_id).get_uri()}


def offer(conn_id: str) -> None:
    """Let this process find a connection of Airflow's database, which only tasks get from there.

    Does nothing without such a connection, or without the database.
    """
    from airflow.models import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    if name not in os.environ:
        with suppress(AirflowNotFoundException):
            os.environ[name] = Connection.get_connection_from_secrets(conn_id).as_json()


def _files(scheme: str, conn_id: str) -> Any:
    """Return the file system that ObjectStoragePath uses for that scheme and connection.

    Raises StorageError if something must be installed or created, StorageUnavailable if Airflow does not
    respond.
    """
    place = f"{scheme}://{conn_id}@..."
    try:
        from airflow.sdk import BaseHook
        from airflow.sdk.exceptions import AirflowNotFoundException
        from airflow.sdk.io import get_fs
    except ImportError:
        raise StorageError(
            f"a storage with a connection ({place}) needs Airflow, which this Python lacks; omit the "
            "connection, and put credentials into the environment"
        ) from None
    try:
        # Amazon's hook ignores a missing connection, and continues without credentials.
        BaseHook.get_connection(conn_id)
        # Not through ObjectStoragePath, which caches the credentials for the life of the process.
        files = get_fs(scheme, conn_id)
    except (ImportError, ValueError) as error:  # no provider has that scheme, or its library is missing
        s3 = scheme.startswith("s3")
        install = "pip install 'airflow-sparktune[s3]'" if s3 else "install the provider that has it"
        raise StorageError(
            f"a storage with a connection ({place}) needs Airflow's file system for {scheme}, which cannot "
            f"be loaded here ({error}); {install}"
        ) from error
    except AirflowNotFoundException:
        raise StorageError(
            f"the connection of a storage must exist, got {conn_id!r}; create it with: "
            f"airflow connections add {conn_id} --conn-type aws"
        ) from None
    except Exception as error:  # the secrets backend, the API server, the cloud's token service
        raise StorageUnavailable(
            f"the connection {conn_id!r} of the storage cannot be used now: {type(error).__name__}: {error}"
        ) from error
    # Listings must show the files that other processes have just written.
    if hasattr(files, "dircache"):
        files.dircache.use_listings_cache = False
    return files
