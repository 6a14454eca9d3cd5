"""An application in a cluster by its id, of which any process of Airflow can ask the state, and end it."""

from __future__ import annotations

from airflow_sparktune.orchestrator.waiting.deferrable import DeferrableOperator


class Application:
    """The application `external_id`: YARN's id of it, or the namespace and the name of its driver's pod.

    `operator` has the connection to its cluster.
    """

    def __init__(self, operator: DeferrableOperator, external_id: str) -> None:
        self._operator = operator
        self.external_id = external_id

    @classmethod
    def by(cls, conn_id: str, external_id: str) -> Application:
        """Return the application in the cluster of a Spark connection."""
        namespace, on_kubernetes, _ = external_id.partition(":")
        operator = DeferrableOperator(
            task_id="application",
            conn_id=conn_id,
            deploy_mode="cluster",
            conf={"spark.kubernetes.namespace": namespace} if on_kubernetes else None,
        )
        return cls(operator, external_id)

    def ended(self) -> str | None:
        """Return the status with which the application has ended; None while it is waiting or running.

        Raises what the provider raises if the cluster does not tell.
        """
        status = self._operator.status_by_id(self.external_id)
        return None if self._operator.is_job_active(status) else status

    def kill(self) -> None:
        """End the application in the cluster."""
        self._operator.end_by_id(self.external_id)
