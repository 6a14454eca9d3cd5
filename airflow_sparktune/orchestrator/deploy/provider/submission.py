"""Submit through Airflow's Spark provider, and follow what runs in a cluster.

A DAG processor imports this file at each parse, so functions import what only a submission needs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_sparktune.errors import PlatformError, SparktuneError
from airflow_sparktune.orchestrator.deploy.provider.connection import ConnectedOperator, read_by_provider
from airflow_sparktune.orchestrator.deploy.provider.kubernetes import delete_driver
from airflow_sparktune.orchestrator.deploy.provider.yarn import choose_tracking, end_on_yarn

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from pydantic import JsonValue

    from airflow_sparktune.orchestrator.deploy.job import Submission
    from airflow_sparktune.orchestrator.deploy.launcher import Launcher


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
        """Stop the application in the cluster."""
        if self._hook is None:
            return
        if self._hook._is_kubernetes:
            delete_driver(self._hook, self._submission)
        else:
            end_on_yarn(self._hook, stop=super().on_kill, is_active=self.is_job_active)

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
            durable, asked = self.durable, self._yarn_track_via_rm_api
            self.durable, self._yarn_track_via_rm_api = choose_tracking(hook, durable=durable, asked=asked)
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
