"""Submits through Airflow's Spark provider; only this file uses the provider's private attributes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_sparktune.errors import DriverLost, PlatformError, SparktuneError
from airflow_sparktune.orchestrator.deploy.job import Submission, Target
from airflow_sparktune.orchestrator.deploy.parcel import SPARK_LOG
from airflow_sparktune.orchestrator.deploy.process import die_with_parent, environment
from airflow_sparktune.orchestrator.deploy.py_files import importable
from airflow_sparktune.orchestrator.deploy.spark_conf import write_properties
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.way import Way

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context
    from pydantic import JsonValue

# The settings that the provider itself looks at. It puts them on the command line; none of them is a secret.
_READ_BY_PROVIDER = (
    "spark.kubernetes.namespace",
    "spark.kubernetes.submission.waitAppCompletion",
    "spark.yarn.submit.waitAppCompletion",
)


class SubmissionOperator(SparkSubmitOperator):
    """Submits as the provider's operator does, with no setting on a command line and no process left over."""

    _way: Way | None = None
    _submission: Submission | None = None
    _start: Callable[[], None] | None = None
    _killed = False

    def target(self) -> Target:
        """Return the master and settings of the task's connection; raises PlatformError for a bad one.

        The provider alone would take YARN where there is no such connection.
        """
        try:
            BaseHook.get_connection(self._conn_id)
        except AirflowNotFoundException:
            raise PlatformError(
                f"conn_id must name a Spark connection that exists, got {self._conn_id!r}; create it with: "
                f"airflow connections add {self._conn_id} --conn-type spark --conn-host 'local[2]'"
            ) from None
        try:
            connection: Mapping[str, Any] = self._get_hook()._connection
        except NameError:  # the provider looks for a module that it could not import
            raise PlatformError(
                "a Kubernetes master needs Airflow's Kubernetes provider, which is not installed; "
                "pip install apache-airflow-providers-cncf-kubernetes"
            ) from None
        except (ValueError, RuntimeError) as error:
            raise PlatformError(
                f"the Spark connection {self._conn_id!r} must be one that this worker can use, but: {error}"
            ) from error
        return Target(
            master=connection["master"],
            deploy_mode=connection["deploy_mode"],
            install=SparkInstall.find(connection["spark_binary"]),
            conf=self.conf or {},
            properties_file=Path(self.properties_file) if self.properties_file else None,
            env_vars=self.env_vars or {},
        )

    def launch(
        self,
        way: Way,
        submission: Submission,
        start: Callable[[], None],
        *,
        reconnection: str | None,
        context: Context,
    ) -> Exception | None:
        """Run the application to its end; returns the provider's error, if there is one.

        A retry reconnects to an application of an earlier try that was submitted under the same
        `reconnection` key and is still at work; `start` is called where one is submitted. One that has ended
        is submitted again: a result of it that answers this try would have been delivered before. A script,
        which alone knows what it asks, runs again, as in client mode.
        """
        self._require_alive()
        self._way, self._submission, self._start = way, submission, start
        self.external_id_key = f"{SparkSubmitOperator.external_id_key}_{reconnection}"
        self.application = submission.application
        self.application_args = list(submission.arguments)
        own = importable(self.py_files, folder=submission.folder)
        self.py_files = ",".join([*submission.py_files, *own])
        try:
            with environment(submission.environment):
                super().execute(context)
        except SparktuneError:
            raise
        except ValueError as error:
            raise PlatformError(
                f"Spark's provider must accept how the task is set up, but: {error}"
            ) from error
        except Exception as error:  # noqa: BLE001 - each mode has its own; what it means, the journal says
            self._show_end_of(submission.folder / SPARK_LOG)
            return error
        return None

    @property
    def pid(self) -> int | None:
        """Return the process id of spark-submit, or None before it starts."""
        process = self._hook._submit_sp if self._hook is not None else None
        return process.pid if process is not None else None

    def on_kill(self) -> None:
        """End the submitted application, as its way does."""
        self._killed = self.pid is None
        if self._way is not None and self._submission is not None:
            self._way.kill(self, self._submission)
        elif self._hook is not None:
            self.end_in_cluster()

    def end_in_cluster(self) -> None:
        """End it as the provider does; by the command yarn where the connection names no ResourceManager."""
        hook = self._hook
        if hook is None:
            return
        if hook._yarn_application_id is None or hook._yarn_rm_base_url is not None:
            super().on_kill()
            return
        try:
            hook.on_kill()  # the provider's operator would ask the ResourceManager only
        except OSError as error:
            self.log.error(
                "the YARN application %s must be ended by hand, as this worker cannot (%s): put the command "
                "yarn on its PATH, or yarn_resourcemanager_webapp_address into the extra of connection %r",
                hook._yarn_application_id,
                error,
                self._conn_id,
            )

    def is_job_succeeded(self, status: str) -> bool:  # noqa: ARG002 - of any status
        """Return False: an application that has ended is no result of this try; the study has that."""
        return False

    def submit_job(self, context: Context) -> str | None:
        """Submit, and drop the provider's note that an earlier pod has succeeded."""
        if (store := context.get("task_state_store")) is not None:
            store.delete(self._K8S_DRIVER_STATUS_KEY)
        return super().submit_job(context)

    def poll_until_complete(self, external_id: JsonValue, context: Context) -> None:
        """Follow the application; give its id to the hook, so that on_kill can end it after a reconnect."""
        if self._hook is not None and self._hook._is_yarn_cluster_mode:
            self._hook._yarn_application_id = str(external_id)
        super().poll_until_complete(external_id, context)

    def _get_hook(self) -> SparkSubmitHook:
        """Return the provider's hook; for a submission, one that gets all settings by a file."""
        submission = self._submission
        if submission is None:
            return super()._get_hook()
        # Here and not before: OpenLineage's settings have come into self.conf since.
        conf = {**submission.conf, **{str(key): str(value) for key, value in (self.conf or {}).items()}}
        write_properties(submission.properties, conf)
        with self._without_settings(conf, submission.properties):
            hook = super()._get_hook()
        if hook._is_yarn or not hook._is_kubernetes:
            # Of spark-submit itself. Local executors inherit it, and have no use for connections.
            connections = {name: "" for name in os.environ if name.startswith("AIRFLOW_CONN_")}
            hook._env = {**connections, **(self.env_vars or {})} or None
        if hook._is_yarn_cluster_mode:
            # Kept by the hook for on_kill: a signal handler must not ask Airflow for the connection.
            with suppress(ValueError):
                hook._get_yarn_rm_base_url()
        hook.submit = self._starting(hook, submission.folder)  # type: ignore[method-assign]
        return hook

    @contextmanager
    def _without_settings(self, conf: Mapping[str, str], file: Path) -> Iterator[None]:
        """Hide this operator's settings from the provider, which would put them on the command line."""
        kept = self.conf, self.env_vars, self.properties_file
        self.conf = {key: conf[key] for key in _READ_BY_PROVIDER if key in conf}
        self.env_vars, self.properties_file = None, str(file)
        try:
            yield
        finally:
            self.conf, self.env_vars, self.properties_file = kept

    def _starting(self, hook: SparkSubmitHook, folder: Path) -> Callable[..., str | None]:
        """Return the hook's submit with the arguments of Popen that the provider does not give."""
        submit = partial(
            hook.submit,
            stdin=subprocess.DEVNULL,  # it would be the socket to the task's supervisor
            cwd=folder,  # nothing lies there that could be imported
            preexec_fn=die_with_parent(),
            errors="replace",  # what a trial prints need not be text
        )

        def start(application: str = "", **_: Any) -> str | None:
            self._require_alive()
            if self._start is not None:
                self._start()
            return submit(application)

        return start

    def _require_alive(self) -> None:
        """Raise DriverLost for a task that was killed while it prepared."""
        if self._killed:
            self._killed = False  # the next try may be made with the same operator
            raise DriverLost("the task must outlive its driver, but it was killed before that started")

    def _show_end_of(self, file: Path, lines: int = 30) -> None:
        """Log the end of Spark's own log, which goes to a file while all is well."""
        if file.exists():
            end = file.read_text(errors="replace").splitlines()[-lines:]
            self.log.info("the last lines of Spark's own log:\n%s", "\n".join(end))
