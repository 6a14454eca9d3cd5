"""An operator that submits an application, and knows it from then on by its id only.

Like those of deploy/provider/, this file uses the provider's private attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Never

from airflow.sdk import Context

from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.deploy.provider.submission import SubmissionOperator
from airflow_sparktune.orchestrator.task.generation import clears_of

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from pydantic import JsonValue

    from airflow_sparktune.orchestrator.deploy.job import Submission, Target

# The provider does not poll a cluster more often either.
POLL_S = 10.0


class DeferrableOperator(SubmissionOperator):
    """Defers after the submission if `deferrable`, by `hand_over`, which gets the application's id."""

    deferrable = False
    hand_over: Callable[[str], Never] | None = None
    _handed_over = False

    @property
    def spark_conn_id(self) -> str:
        """Return the id of the Spark connection."""
        return self._conn_id

    @property
    def poll_s(self) -> float:
        """Return the seconds between two looks of a trigger, which many studies share."""
        return max(float(self._status_poll_interval), POLL_S)

    def require_literal_mode(self) -> None:
        """Raise SpecError if the DAG gives a deploy mode in which the task cannot defer."""
        if self._deploy_mode is not None:
            self._require_cluster(self._deploy_mode)

    def target(self, context: Context) -> Target:
        """Return the target; raises SpecError if the task cannot defer there."""
        target = super().target(context)
        self._require_cluster(target.deploy_mode, on=f" on {target.master}")
        if self.deferrable:
            self._track_by_id(on_kubernetes=target.master.startswith("k8s://"))
        return target

    def poll_until_complete(self, external_id: JsonValue, context: Context) -> None:
        """Defer if the task is deferrable, else poll."""
        if self.hand_over is not None:
            self._handed_over = True
            self.hand_over(str(external_id))
        super().poll_until_complete(external_id, context)

    def run_post_submit_commands(self) -> None:
        """Run the user's commands, unless they are to run after the deferral."""
        if self._hook is not None and self.deferrable:
            self._hook._post_submit_commands_done = self._handed_over
        super().run_post_submit_commands()

    def run_deferred_commands(self) -> None:
        """Run the user's `post_submit_commands` for an application that another process has submitted."""
        super()._get_hook()._run_post_submit_commands()

    @classmethod
    def of(cls, conn_id: str, external_id: str) -> DeferrableOperator:
        """Return an operator that knows an application in the cluster of a Spark connection.

        `external_id` is YARN's id of it, or the namespace and the name of its driver's pod.
        """
        namespace, on_kubernetes, _ = external_id.partition(":")
        conf = {"spark.kubernetes.namespace": namespace} if on_kubernetes else None
        return cls(task_id="application", conn_id=conn_id, deploy_mode="cluster", conf=conf)

    def ended_status(self, external_id: str) -> str | None:
        """Return the status with which an application has ended; None while it is waiting or running.

        Raises what the provider raises if the cluster does not tell.
        """
        context: Any = {}  # without a task's store, in which the provider keeps the status of an earlier pod
        status = super(SubmissionOperator, self).get_job_status(external_id, context)
        return None if self.is_job_active(status) else status

    def end_by_id(self, external_id: str) -> None:
        """End an application that another process has submitted."""
        namespace, on_kubernetes, pod = external_id.partition(":")
        self._track_by_id(on_kubernetes=bool(on_kubernetes))
        hook = self._hook = super()._get_hook()
        if on_kubernetes:
            hook._connection["namespace"], hook._kubernetes_driver_pod = namespace, pod
        else:
            hook._yarn_application_id = external_id
            hook._get_yarn_rm_base_url()  # cached by the hook
        self.end_in_cluster()

    def _get_hook(self) -> SparkSubmitHook:
        hook = super()._get_hook()
        if self.deferrable:
            hook._post_submit_commands_done = True  # the provider would run them after the submission
        return hook

    def _track_by_id(self, *, on_kubernetes: bool) -> None:
        """Let the provider return from a submission with the application's id."""
        self._yarn_track_via_rm_api, self._track_driver_via_k8s_api = not on_kubernetes, on_kubernetes

    def _require_cluster(self, deploy_mode: str | None, *, on: str = "") -> None:
        if self.deferrable and deploy_mode != "cluster":
            raise SpecError(
                f"deferrable=True needs deploy_mode='cluster', got {deploy_mode or 'client'!r}{on}; in "
                "client mode leave it out, because the driver is a child of the task's process"
            )

    def _key(self, submission: Submission) -> str:
        """Return another key after a clear.

        The trigger of the try before may still be about to end the application that is stored under its key.
        """
        key = super()._key(submission)
        if not self.deferrable:
            return key
        return f"{key}_{clears_of(self._context)}_{self._context['ti'].max_tries}"
