"""Submit through Airflow's Spark provider. Only this file uses the provider's private attributes."""

from __future__ import annotations

import os
import re
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
from airflow_sparktune.orchestrator.deploy.process import die_with_parent, environment
from airflow_sparktune.orchestrator.deploy.py_files import importable
from airflow_sparktune.orchestrator.deploy.spark_conf import write_properties
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.submit_files import SPARK_LOG
from airflow_sparktune.orchestrator.deploy.way import Way

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context
    from pydantic import JsonValue

# Settings that the provider itself reads. It puts them on the command line; none of them is a secret.
_READ_BY_PROVIDER = (
    "spark.kubernetes.namespace",
    "spark.kubernetes.submission.waitAppCompletion",
    "spark.yarn.submit.waitAppCompletion",
)
# As spark-submit names the driver when it does not wait for it: namespace and pod.
_DRIVER_POD = re.compile(r"submission ID [^\s:]+:(\S+-driver)")


class SubmissionOperator(SparkSubmitOperator):
    """Submits as the provider's operator does, but with no settings on the command line, and no orphans."""

    _way: Way | None = None
    _submission: Submission | None = None
    _start: Callable[[], None] | None = None
    _killed = False

    @property
    def brought_files(self) -> tuple[str | None, ...]:
        """Return the files that the user sends to the cluster, which may contain code."""
        return self.py_files, self.files, self._archives

    def target(self) -> Target:
        """Return the master and settings of the task's connection; raises PlatformError if it is unusable.

        Without the connection, the provider would silently use YARN.
        """
        try:
            BaseHook.get_connection(self._conn_id)
        except AirflowNotFoundException:
            raise PlatformError(
                f"conn_id must name an existing Spark connection, got {self._conn_id!r}; create it with: "
                f"airflow connections add {self._conn_id} --conn-type spark --conn-host 'local[2]'"
            ) from None
        try:
            connection: Mapping[str, Any] = self._get_hook()._connection
        except NameError:  # raised by the provider if its import of the Kubernetes provider failed
            raise PlatformError(
                "a Kubernetes master needs Airflow's Kubernetes provider, which is not installed; "
                "pip install apache-airflow-providers-cncf-kubernetes"
            ) from None
        except (ValueError, RuntimeError) as error:
            raise PlatformError(
                f"the Spark connection {self._conn_id!r} must be usable on this worker, but: {error}"
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
        """Run the application to its end; return the provider's error, or None.

        A retry reconnects to the application of an earlier try if it was submitted with the same
        `reconnection` key and is still running. Otherwise it submits a new one and calls `start`. An
        application that has ended is submitted again, because a valid result of it would have been returned
        before. A script always runs again, as in client mode, because only the script knows its spec.
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
            raise PlatformError(f"Spark's provider must accept the task's settings, but: {error}") from error
        except Exception as error:  # noqa: BLE001 - errors differ by mode; the journal tells what they mean
            self._show_end_of(submission.folder / SPARK_LOG)
            return error
        return None

    @property
    def pid(self) -> int | None:
        """Return the process id of spark-submit, or None before it starts."""
        process = self._hook._submit_sp if self._hook is not None else None
        return process.pid if process is not None else None

    def on_kill(self) -> None:
        """Stop the submitted application."""
        self._killed = self.pid is None
        if self._way is not None and self._submission is not None:
            self._way.kill(self, self._submission)
        elif self._hook is not None:
            self.end_in_cluster()

    def end_in_cluster(self) -> None:
        """Stop the application as the provider does; with the yarn command if no ResourceManager is set."""
        hook = self._hook
        if hook is None:
            return
        if hook._yarn_application_id is None or hook._yarn_rm_base_url is not None:
            super().on_kill()
            return
        try:
            hook.on_kill()  # the provider's operator would call only the ResourceManager
        except OSError as error:
            self.log.error(
                "the YARN application %s must be stopped by hand, because this worker failed to (%s); put "
                "yarn on its PATH, or set yarn_resourcemanager_webapp_address in the extra of connection %r",
                hook._yarn_application_id,
                error,
                self._conn_id,
            )

    def is_job_succeeded(self, status: str) -> bool:  # noqa: ARG002 - independent of the status
        """Return False: the status of an ended application is no result; the result is in the study."""
        return False

    def submit_job(self, context: Context) -> str | None:
        """Submit, and delete the provider's record that an earlier pod has succeeded."""
        if (store := context.get("task_state_store")) is not None:
            store.delete(self._K8S_DRIVER_STATUS_KEY)
        return super().submit_job(context)

    def poll_until_complete(self, external_id: JsonValue, context: Context) -> None:
        """Poll the application, and pass its id to the hook, so that on_kill works after a reconnect."""
        if self._hook is not None and self._hook._is_yarn_cluster_mode:
            self._hook._yarn_application_id = str(external_id)
        super().poll_until_complete(external_id, context)

    def _get_hook(self) -> SparkSubmitHook:
        """Return the provider's hook; for a submission, one that passes all settings in a file."""
        submission = self._submission
        if submission is None:
            return super()._get_hook()
        # Read here and not earlier, because OpenLineage adds its settings to self.conf.
        conf = {**submission.conf, **{str(key): str(value) for key, value in (self.conf or {}).items()}}
        write_properties(submission.properties, conf)
        with self._without_settings(conf, submission.properties):
            hook = super()._get_hook()
        if hook._is_yarn or not hook._is_kubernetes:
            # For spark-submit itself. Local executors inherit it, and must not get connections.
            connections = {name: "" for name in os.environ if name.startswith("AIRFLOW_CONN_")}
            hook._env = {**connections, **(self.env_vars or {})} or None
        if hook._is_yarn_cluster_mode:
            self._give_up_reconnection()
            # Cached by the hook for on_kill, because a signal handler must not request the connection.
            with suppress(ValueError):
                hook._get_yarn_rm_base_url()
        hook.submit = self._starting(hook, submission.folder)  # type: ignore[method-assign]
        return hook

    def _give_up_reconnection(self) -> None:
        """Unset `durable` if the provider would refuse it on YARN, where it needs the ResourceManager's API.

        A study does not depend on it: the driver of a retry continues it and makes an earlier one stop.
        """
        if self.durable and not self._yarn_track_via_rm_api:
            self.durable = False
            self.log.info(
                "a retry will start a new driver, which continues the study; to let it reconnect to a "
                "running one, set yarn_track_via_rm_api=True, and yarn_resourcemanager_webapp_address in the "
                "extra of connection %r",
                self._conn_id,
            )

    @contextmanager
    def _without_settings(self, conf: Mapping[str, str], file: Path) -> Iterator[None]:
        """Hide the operator's settings from the provider, which would put them on the command line."""
        kept = self.conf, self.env_vars, self.properties_file
        self.conf = {key: conf[key] for key in _READ_BY_PROVIDER if key in conf}
        self.env_vars, self.properties_file = None, str(file)
        try:
            yield
        finally:
            self.conf, self.env_vars, self.properties_file = kept

    def _starting(self, hook: SparkSubmitHook, folder: Path) -> Callable[..., str | None]:
        """Return the hook's submit method with further arguments of Popen."""
        submit = partial(
            hook.submit,
            stdin=subprocess.DEVNULL,  # otherwise the socket to the task's supervisor
            cwd=folder,  # contains nothing that could be imported
            preexec_fn=die_with_parent(),
            errors="replace",  # the output of a trial need not be valid text
        )

        def start(application: str = "", **_: Any) -> str | None:
            self._require_alive()
            if self._start is not None:
                self._start()
            found = submit(application)
            if hook._is_kubernetes and hook._kubernetes_driver_pod is None:
                # To track the driver, the provider needs its pod, which it finds only in a namespace `spark`.
                named = _DRIVER_POD.search("\n".join(hook._last_submit_log_lines))
                hook._kubernetes_driver_pod = named[1] if named else None
            return found

        return start

    def _require_alive(self) -> None:
        """Raise DriverLost if the task was killed before the driver started."""
        if self._killed:
            self._killed = False  # the next try may use the same operator object
            raise DriverLost("the task must live until its driver starts, but it was killed before that")

    def _show_end_of(self, file: Path, lines: int = 30) -> None:
        """Log the end of Spark's own log, which otherwise goes only to a file."""
        if file.exists():
            end = file.read_text(errors="replace").splitlines()[-lines:]
            self.log.info("the last lines of Spark's own log:\n%s", "\n".join(end))
