"""The provider's SparkSubmitOperator, told to run a Submission and to leave nothing of it behind."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from airflow_sparktune.errors import DriverLost, PlatformError
from airflow_sparktune.orchestrator.deploy.parcel import SPARK_LOG
from airflow_sparktune.orchestrator.deploy.process import (
    die_with_parent,
    end_driver,
    end_family,
    environment,
    family,
)
from airflow_sparktune.orchestrator.deploy.submission import Submission

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context
    from pydantic import JsonValue


class SubmissionOperator(SparkSubmitOperator):
    """Runs a Submission to its end; when the task is killed, ends all of it."""

    _submission: Submission | None = None
    _killed = False

    def submit(self, submission: Submission, context: Context, *, question: str) -> Exception | None:
        """Run the application to its end; returns what the provider says went wrong, if anything.

        A retry reconnects to an application of an earlier try that was submitted for the same `question` and
        is still at work. One that has ended is submitted anew: a result of it that answers this try has been
        delivered without. A script, which alone knows what it asks, is so run again, as in client mode: its
        study resumes and ends at once where nothing is left, what it does beside that is repeated.
        """
        self._require_alive()
        self._submission = submission
        self.external_id_key = f"{SparkSubmitOperator.external_id_key}_{question}"
        self.application = submission.application
        self.application_args = list(submission.arguments)
        self.py_files = ",".join([*submission.py_files, *filter(None, [self.py_files])])
        self.conf = dict(submission.conf)
        try:
            with environment(submission.environment):
                super().execute(context)
        except ValueError as error:
            raise PlatformError(
                f"Spark's provider must accept how the task is set up, but: {error}"
            ) from error
        except Exception as error:  # noqa: BLE001 - each mode has its own; what it means, the journal says
            self._show_end_of(submission.folder / SPARK_LOG)
            return error
        return None

    def on_kill(self) -> None:
        """Let the driver write that it was killed, then leave nothing of it."""
        process = self._hook._submit_sp if self._hook is not None else None
        self._killed = process is None
        if self._hook is None:
            return
        members = family(process.pid) if process is not None else []
        if self._submission is not None:
            end_driver(members, self._submission.application)
        # Before the family is ended: the provider ends what runs in a cluster only while spark-submit lives.
        try:
            self._end_application(self._hook)
        finally:
            end_family(members)

    def is_job_succeeded(self, status: str) -> bool:  # noqa: ARG002 - whatever it is
        """No application that has ended stands for this try; what it came to, the study says."""
        return False

    def submit_job(self, context: Context) -> str | None:
        """Submit; what the provider noted of a pod that has succeeded says nothing of the next one."""
        if (store := context.get("task_state_store")) is not None:
            store.delete(self._K8S_DRIVER_STATUS_KEY)
        return super().submit_job(context)

    def poll_until_complete(self, external_id: JsonValue, context: Context) -> None:
        """Follow the application; after a reconnect too, the provider's hook knows what on_kill is to end."""
        if self._hook is not None and self._hook._is_yarn_cluster_mode:
            self._hook._yarn_application_id = str(external_id)
        super().poll_until_complete(external_id, context)

    def _get_hook(self) -> SparkSubmitHook:
        hook = super()._get_hook()
        if self._submission is not None:
            if hook._is_yarn_cluster_mode:
                # Kept by the hook for on_kill: a signal handler must not ask Airflow for the connection.
                with suppress(ValueError):
                    hook._get_yarn_rm_base_url()
            # The provider calls submit without Popen's arguments: no stdin (it would be the socket to the
            # task's supervisor), a folder in which nothing lies that could be imported, no orphans.
            folder = self._submission.folder
            start = partial(
                hook.submit,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                preexec_fn=die_with_parent(),
                errors="replace",  # what a trial prints need not be text
            )

            def submit(application: str = "", **_: Any) -> str | None:
                self._require_alive()
                return start(application)

            hook.submit = submit  # type: ignore[method-assign]
        return hook

    def _require_alive(self) -> None:
        """Start nothing for a task that was killed while it prepared."""
        if self._killed:
            self._killed = False  # the next try may be made with the same operator
            raise DriverLost("the task must outlive its driver, but it was killed before that started")

    def _end_application(self, hook: SparkSubmitHook) -> None:
        """As the provider does it; by YARN's own command where the connection names no ResourceManager."""
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

    def _show_end_of(self, file: Path, lines: int = 30) -> None:
        """What Spark said last, where something went wrong and it was kept out of the log."""
        if file.exists():
            end = file.read_text(errors="replace").splitlines()[-lines:]
            self.log.info("the last lines of Spark's own log:\n%s", "\n".join(end))
