"""Track a study while its task runs, in a separate process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_sparktune import connections
from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.process import die_with_parent

log = logging.getLogger(__name__)

# How long a task whose driver has ended waits for the tracker to catch up.
CATCH_UP_S = 30.0


def tracking_environment(tracking: str) -> dict[str, str]:
    """Return environment variables for the tracker's process; raises PlatformError.

    `mlflow` is the server in this worker's MLFLOW_TRACKING_URI. Any other value is the id of an Airflow
    connection: schema, host and port form the server's URL, login and password (or only a password, as a
    token) are the credentials, and `experiment` in the extra is the experiment's name.
    """
    if find_spec("mlflow") is None:
        raise PlatformError(
            f"tracking={tracking!r} needs MLflow's client, which this worker does not have; "
            "pip install 'airflow-sparktune[mlflow]'"
        )
    if tracking == "mlflow":
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            raise PlatformError(
                "tracking='mlflow' needs MLFLOW_TRACKING_URI in the worker's environment, which is unset; "
                "set it, or set tracking to the id of a connection to the server"
            )
        return {}
    try:
        connection = BaseHook.get_connection(tracking)
    except AirflowNotFoundException:
        raise PlatformError(
            f"tracking must be 'mlflow' or the id of an existing connection, got {tracking!r}; create it "
            f"with: airflow connections add {tracking} --conn-type http --conn-host mlflow --conn-port 5000"
        ) from None
    host = connection.host or ""
    port = f":{connection.port}" if connection.port else ""
    address = host if "://" in host else f"{connection.schema or 'http'}://{host}"
    found = {
        "MLFLOW_TRACKING_URI": address + port,
        "MLFLOW_EXPERIMENT_NAME": connection.extra_dejson.get("experiment"),
    }
    if connection.login:
        found["MLFLOW_TRACKING_USERNAME"] = connection.login
        found["MLFLOW_TRACKING_PASSWORD"] = connection.password
    else:
        found["MLFLOW_TRACKING_TOKEN"] = connection.password
    return {name: value for name, value in found.items() if value}


@contextmanager
def tracked(address: str, environment: Mapping[str, str] | None) -> Iterator[None]:
    """Track the study at `address` in this context; do nothing if `environment` is None.

    Errors of the tracker do not affect the study. Enter it from the main thread, because the process ends
    with the thread that started it.
    """
    if environment is None:
        yield
        return
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "airflow_sparktune.track", address],
        env={**os.environ, **environment, **connections.environment_of(address)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=die_with_parent(),
    )
    reader = threading.Thread(target=_relay, args=(process,), name="tracking", daemon=True)
    reader.start()
    try:
        yield
    finally:
        _end(process, address)
        reader.join(timeout=1)


def catch_up(address: str, environment: Mapping[str, str] | None) -> None:
    """Track a study that has ended; do nothing if `environment` is None."""
    with tracked(address, environment):
        pass


def _relay(process: subprocess.Popen[str]) -> None:
    """Relay the tracker's messages to the task's log."""
    levels = logging.getLevelNamesMapping()
    for line in process.stderr or ():
        level, found, message = line.rstrip().partition(":")
        if found and level in levels:
            log.log(levels[level], "%s", message)
        else:
            log.warning("tracking: %s", line.rstrip())


def _end(process: subprocess.Popen[str], address: str) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        code = process.wait(timeout=CATCH_UP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if code:
        log.warning(
            "the tracker is missing parts of this study; send them with: sparktune track %s --to mlflow",
            address,
        )
