"""Read a task's Spark connection, and its arguments for spark-submit, as plain data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.openlineage.utils.spark import (
    inject_parent_job_information_into_spark_properties,
    inject_transport_information_into_spark_properties,
)
from airflow.sdk import BaseHook, Context
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from airflow_sparktune.errors import PlatformError

if TYPE_CHECKING:
    from airflow_sparktune.orchestrator.deploy.job import Target

# Settings that the provider itself reads. It puts them on the command line; none of them is a secret.
_READ_BY_PROVIDER = (
    "spark.kubernetes.namespace",
    "spark.kubernetes.submission.waitAppCompletion",
    "spark.yarn.submit.waitAppCompletion",
)


class ConnectedOperator(SparkSubmitOperator):
    """The provider's operator, whose connection and arguments can be read without submitting."""

    @property
    def brought_files(self) -> tuple[str | None, ...]:
        """Return the files that the user sends to the cluster, which may contain code."""
        return self.py_files, self.files, self._archives

    def target(self, context: Context) -> Target:
        """Return the master and settings of the task's connection; raises PlatformError if it is unusable.

        Without the connection, the provider would silently use YARN.
        """
        from airflow_sparktune.orchestrator.deploy.job import Target
        from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall

        try:
            BaseHook.get_connection(self._conn_id)
        except AirflowNotFoundException:
            raise PlatformError(
                f"conn_id must name an existing Spark connection, got {self._conn_id!r}; create it with: "
                f"airflow connections add {self._conn_id} --conn-type spark --conn-host 'local[2]'"
            ) from None
        conf = self._conf_with_openlineage(context)
        # Settings and code are in the submission; the hook makes options of the other arguments.
        bare = {"env_vars": None, "properties_file": None, "py_files": None, "application_args": None}
        try:
            with self._with(conf=read_by_provider(conf), **bare):
                hook = self._hook = super()._get_hook()
            if hook._connection["deploy_mode"] != "cluster":  # otherwise the provider checks them later
                hook._validate_yarn_track_via_rm_api_config()
                if self._track_driver_via_k8s_api:
                    hook._validate_track_driver_via_k8s_api_config()
            _, _, *options = hook._build_spark_common_args()  # begins with --master
        except NameError:  # raised by the provider if its import of the Kubernetes provider failed
            raise PlatformError(
                "a Kubernetes master needs Airflow's Kubernetes provider, which is not installed; "
                "pip install 'airflow-sparktune[kubernetes]'"
            ) from None
        except (ValueError, RuntimeError, AirflowException) as error:
            raise PlatformError(
                f"the Spark connection {self._conn_id!r} must be usable on this worker, but: {error}"
            ) from error
        binary = hook._connection["spark_binary"]
        install = SparkInstall.find(binary)
        # Local executors inherit the environment of spark-submit, and must not get connections.
        connections = {name: "" for name in os.environ if name.startswith("AIRFLOW_CONN_")}
        return Target(
            master=hook._connection["master"],
            deploy_mode=hook._connection["deploy_mode"],
            install=replace(install, environment={**connections, **install.environment}),
            binary=binary,
            options=tuple(options),
            py_files=self.py_files,
            conf=conf,
            properties_file=Path(self.properties_file) if self.properties_file else None,
            env_vars={name: str(value) for name, value in (self.env_vars or {}).items()},
        )

    def _conf_with_openlineage(self, context: Context) -> dict[str, Any]:
        """Return the task's Spark settings with those that the provider adds for OpenLineage."""
        conf = dict(self.conf or {})
        if self._openlineage_inject_parent_job_info:
            conf = inject_parent_job_information_into_spark_properties(conf, context)
        if self._openlineage_inject_transport_info:
            conf = inject_transport_information_into_spark_properties(conf, context)
        return conf

    @contextmanager
    def _with(self, **values: Any) -> Iterator[None]:
        """Set attributes in this context, from which the provider makes its command line."""
        kept = {name: getattr(self, name) for name in values}
        for name, value in values.items():
            setattr(self, name, value)
        try:
            yield
        finally:
            for name, value in kept.items():
                setattr(self, name, value)


def read_by_provider(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the provider itself reads."""
    return {key: conf[key] for key in _READ_BY_PROVIDER if key in conf}
