"""Submit through Airflow's Spark provider, and follow and end what runs in a cluster.

Only this file, spark_connection.py and waiting/deferrable.py use the provider's private attributes. What only
a submission needs is imported there: a DAG processor imports these files at each parse.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_sparktune.errors import PlatformError, SparktuneError
from airflow_sparktune.orchestrator.deploy.spark_connection import ConnectedOperator, read_by_provider

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context
    from pydantic import JsonValue

    from airflow_sparktune.orchestrator.deploy.job import Submission
    from airflow_sparktune.orchestrator.deploy.launcher import Launcher

# Seconds between two looks at a killed application.
KILL_POLL_S = 0.2


class SubmissionOperator(ConnectedOperator):
    """Submits as the provider's operator does, but with no settings on the command line, and no orphans."""

    _launcher: Launcher | None = None
    _context: Context
    _submission: Submission | None = None
    _start: Callable[[], None] | None = None
    _killed = False

    def launcher(self, context: Context) -> Launcher:
        """Return the launcher to the master of the task's connection.

        Raises PlatformError if the connection is unusable, DriverLost if the task has been killed.
        """
        from airflow_sparktune.orchestrator.deploy.launcher import launcher_to

        self._context = context
        target = self.target(context)
        self._launcher = launcher_to(target, provider=self, output=partial(self.log.info, "%s"))
        self._require_alive()
        return self._launcher

    def on_kill(self) -> None:
        """End the driver, or keep it from starting."""
        self._killed = True
        if self._launcher is not None:
            self._launcher.kill()

    def run_post_submit_commands(self) -> None:
        """Run the user's `post_submit_commands` if there was a submission and the provider has not yet."""
        if self._hook is not None:
            self._hook._run_post_submit_commands()

    @property
    def is_killed(self) -> bool:
        """Return whether the task has been told to end."""
        return self._killed

    def submit(self, submission: Submission, start: Callable[[], None]) -> Exception | None:
        """Run the application to its end; return the provider's error, or None.

        A retry reconnects to the application of an earlier try if it was submitted with the same
        `reconnection` key and is still running. Otherwise it submits a new one and calls `start`. An
        application that has ended is submitted again, because a valid result of it would have been returned
        before. A script always runs again, as in client mode, because only the script knows its spec.
        """
        from airflow_sparktune.orchestrator.deploy.spark_conf import write_properties

        self._hook, self._submission, self._start = None, submission, start
        write_properties(submission.properties, submission.conf)
        try:
            with self._with(
                application=submission.application,
                application_args=list(submission.arguments),
                py_files=",".join(submission.py_files),
                external_id_key=self._key(submission),
                conf=read_by_provider(submission.conf),
                env_vars=None,
                properties_file=str(submission.properties),
                # The settings of OpenLineage are in the submission.
                _openlineage_inject_parent_job_info=False,
                _openlineage_inject_transport_info=False,
            ):
                super().execute(self._context)
        except SparktuneError:
            raise
        except ValueError as error:
            raise PlatformError(f"Spark's provider must accept the task's settings, but: {error}") from error
        except Exception as error:  # noqa: BLE001 - errors differ by mode; the journal tells what they mean
            return error
        return None

    @property
    def pid(self) -> int | None:
        """Return the process id of spark-submit, or None before it starts."""
        process = self._hook._submit_sp if self._hook is not None else None
        return process.pid if process is not None else None

    def end_in_cluster(self) -> None:
        """Stop the application as the provider does; with the yarn command if no ResourceManager is set."""
        hook = self._hook
        if hook is None:
            return
        if hook._is_kubernetes:
            self._delete_driver(hook)
            return
        application, why = hook._yarn_application_id, None
        if application is None or hook._yarn_rm_base_url is not None:
            super().on_kill()
            if application is not None and not self._has_ended(hook, application):
                why = "it still runs after the request to its ResourceManager"
        else:
            try:
                hook.on_kill()  # the provider's operator would call only the ResourceManager
            except OSError as error:
                why = (
                    f"this worker failed to ({error}); put yarn on its PATH, or set "
                    f"yarn_resourcemanager_webapp_address in the extra of connection {self._conn_id!r}"
                )
        if why is not None:
            self.log.error("the YARN application %s must be stopped by hand, because %s", application, why)

    def _has_ended(self, hook: SparkSubmitHook, application: str) -> bool:
        """Return whether YARN ends a killed application in time; the provider does not look."""
        from airflow_sparktune.orchestrator.deploy import process

        until = time.monotonic() + process.GRACE_S
        while time.monotonic() < until:
            with suppress(RuntimeError):  # no answer
                if not self.is_job_active(hook.query_yarn_application_status(application)):
                    return True
            time.sleep(KILL_POLL_S)
        return False

    def _delete_driver(self, hook: SparkSubmitHook) -> None:
        """Delete the driver's pod, with which its executors end.

        Airflow's client may be set up for another cluster, or not at all, or be too new for the provider.
        Spark's has created the pod.
        """
        from airflow.providers.cncf.kubernetes import kube_client

        from airflow_sparktune.orchestrator.deploy.process import end_family, family

        end_family(family(self.pid))  # so that it creates no pod afterwards
        pod, submission = hook._kubernetes_driver_pod, self._submission
        if pod is None:
            return
        settings = submission.conf if submission is not None else {}
        named = hook._connection["namespace"] or settings.get("spark.kubernetes.namespace")
        namespace = named or "default"
        try:
            kube_client.get_kube_client().delete_namespaced_pod(pod, namespace)
        except Exception as error:  # noqa: BLE001 - errors differ by release
            if submission is None:
                self.log.error("the pod %s:%s must be deleted by hand: %s", namespace, pod, error)
                return
            self.log.info(
                "Airflow's Kubernetes client cannot delete the pod %s (%s); Spark's is used", pod, error
            )
        else:
            self.log.info("deleted the driver's pod %s", pod)
            return
        target = submission.target
        where = ["--master", target.master, "--properties-file", str(submission.properties)]
        done = subprocess.run(
            [target.binary, *where, "--kill", f"{namespace}:{pod}"],
            env={**os.environ, **submission.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,  # it goes on if this task is killed
        )
        self.log.info(
            "spark-submit --kill has ended with exit code %d: %s", done.returncode, done.stdout[-2000:]
        )

    def is_job_succeeded(self, status: str) -> bool:  # noqa: ARG002 - independent of the status
        """Return False: the status of an ended application is no result; the result is in the study."""
        return False

    def get_job_status(self, external_id: JsonValue, context: Context) -> str:
        """Return the status of an earlier try's application, which YARN may fail to tell.

        If its ResourceManager does not know the application, another one is submitted. If it is away, the
        application counts as running, because the provider waits for an answer only when it polls.
        """
        try:
            return super().get_job_status(external_id, context)
        except RuntimeError as error:
            if self._hook is None or not self._hook._is_yarn_cluster_mode:
                raise
            self.log.warning("%s", error)
            return "UNKNOWN" if "HTTP 404" in str(error) else "RUNNING"

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
        """Return the provider's hook; for a submission, one that starts spark-submit as we do."""
        from airflow_sparktune.orchestrator.deploy.job import DRIVER_POD

        hook = super()._get_hook()
        submission = self._submission
        if submission is None:
            return hook
        hook._env = dict(submission.environment)
        # The provider finds it in spark-submit's output only in a namespace `spark`.
        hook._kubernetes_driver_pod = submission.conf.get(DRIVER_POD)
        if hook._is_yarn_cluster_mode:
            self._choose_tracking(hook)
        hook.submit = self._starting(hook, submission.folder)  # type: ignore[method-assign]
        read = hook._process_spark_submit_log

        def reading(itr: Iterator[Any]) -> None:
            if self._killed:  # while spark-submit started, before the hook knew its process
                self.on_kill()
            read(itr)

        hook._process_spark_submit_log = reading  # type: ignore[method-assign]
        return hook

    def _key(self, submission: Submission) -> str:
        """Return the key of the application's id in the state store, by which a retry finds it."""
        return f"{type(self).external_id_key}_{submission.reconnection}"

    def _choose_tracking(self, hook: SparkSubmitHook) -> None:
        """Track the application by the ResourceManager's API if it can be asked, else unset `durable`.

        The provider would refuse the task. A study does not depend on a reconnection: the driver of a retry
        continues it and makes an earlier one stop.
        """
        asked, hook._yarn_track_via_rm_api = self._yarn_track_via_rm_api, True
        try:
            # The hook keeps what it finds: on_kill, a signal handler, must not ask for the connection.
            hook._validate_yarn_track_via_rm_api_config()
        except (ValueError, RuntimeError) as error:
            hook._yarn_track_via_rm_api = asked
            if self.durable and not asked:
                self.durable = False
                self.log.info(
                    "a retry will start a new driver, which continues the study; to let it reconnect to a "
                    "running one, set yarn_resourcemanager_webapp_address in the extra of connection %r (%s)",
                    self._conn_id,
                    error,
                )
        else:
            self._yarn_track_via_rm_api = hook._yarn_track_via_rm_api = asked or self.durable

    def _starting(self, hook: SparkSubmitHook, folder: Path) -> Callable[..., str | None]:
        """Return the hook's submit method with further arguments of Popen."""
        from airflow_sparktune.orchestrator.deploy.process import die_with_parent

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
            return submit(application)

        return start

    def _require_alive(self) -> None:
        """Raise DriverLost if the task was killed before the driver started."""
        from airflow_sparktune.orchestrator.deploy.process import killed_before_start

        if self._killed:
            raise killed_before_start()


def launcher_of(conn_id: str, conf: Mapping[str, Any], *, output: Callable[[str], None]) -> Launcher:
    """Return the launcher to the master of a connection, outside of a task; raises PlatformError."""
    from airflow_sparktune.orchestrator.deploy.launcher import launcher_to

    operator = SubmissionOperator(
        task_id="doctor",
        conn_id=conn_id,
        conf=dict(conf),
        durable=False,  # there is no retry that could reconnect
        openlineage_inject_parent_job_info=False,
        openlineage_inject_transport_info=False,
    )
    operator._context = {}
    return launcher_to(operator.target(operator._context), provider=operator, output=output)
