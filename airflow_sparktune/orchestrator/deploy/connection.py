"""The Spark connection: one that exists, resolved as the provider resolves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_sparktune.errors import PlatformError

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook


def resolved_connection(conn_id: str, hook: Callable[[], SparkSubmitHook]) -> Mapping[str, Any]:
    """Master, deploy mode and the rest, by the provider's `hook`; raises PlatformError.

    The hook alone would silently take YARN where there is no such connection.
    """
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise PlatformError(
            f"conn_id must name a Spark connection that exists, got {conn_id!r}; create it with: "
            f"airflow connections add {conn_id} --conn-type spark --conn-host 'local[2]'"
        ) from None
    try:
        connection: Mapping[str, Any] = hook()._connection
    except NameError:  # the provider looks for a module that it could not import
        raise PlatformError(
            "a Kubernetes master needs Airflow's Kubernetes provider, which is not installed; "
            "pip install apache-airflow-providers-cncf-kubernetes"
        ) from None
    except (ValueError, RuntimeError) as error:
        raise PlatformError(
            f"the Spark connection {conn_id!r} must be one that this worker can use, but: {error}"
        ) from error
    return connection
