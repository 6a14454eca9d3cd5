"""The address of an MLflow server, without the login that it may hold."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

from airflow_sparktune.errors import PlatformError

# MLflow connects to these databases itself, and its errors do not quote the password.
_DATABASES = ("mssql", "mysql", "postgresql")


def server_variables(address: str) -> Mapping[str, str]:
    """Return MLflow's variables for a server, with the login of the address in variables of its own.

    MLflow's errors quote the address, and are logged. Raises PlatformError, which does not quote it.

    >>> server_variables("https://mlflow.example:8443/team")
    {'MLFLOW_TRACKING_URI': 'https://mlflow.example:8443/team'}
    >>> sorted(server_variables("https://ann:p%40ss@mlflow.example").values())
    ['ann', 'https://mlflow.example', 'p@ss']
    """
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        raise PlatformError(
            "MLFLOW_TRACKING_URI must be a valid URL, but its host or port is not; set the login in "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or write its '/', '?' and '#' as %2F, "
            "%3F and %23"
        ) from None
    login, at, host = parts.netloc.rpartition("@")
    if parts.scheme.partition("+")[0] in _DATABASES:
        return {"MLFLOW_TRACKING_URI": address}
    if not at and not (parts.scheme and "@" in parts.path.partition("/")[0]):
        return {"MLFLOW_TRACKING_URI": address}
    if parts.scheme not in ("http", "https"):
        raise PlatformError(
            "MLFLOW_TRACKING_URI must begin with http:// or https:// if it holds a login, but begins with "
            "something else; give the address of an MLflow server"
        )
    username, _, password = login.partition(":")
    variables = {
        "MLFLOW_TRACKING_URI": urlunsplit(parts._replace(netloc=host)),
        "MLFLOW_TRACKING_USERNAME": unquote(username),
        "MLFLOW_TRACKING_PASSWORD": unquote(password),
    }
    return {name: value for name, value in variables.items() if value}
