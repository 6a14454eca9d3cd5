"""An engine whose slots are the task slots of a Spark cluster."""

from __future__ import annotations

from airflow_sparktune.driver.engines.application import ApplicationEngine
from airflow_sparktune.driver.engines.base import Work
from airflow_sparktune.driver.engines.spark_lane import SparkLane


class SparkEngine(ApplicationEngine):
    """Runs trials on executors; its slots follow the cluster's as executors come and go."""

    @property
    def slots(self) -> int:
        return self.task_slots().now

    def lane(self, work: Work) -> SparkLane:
        return self.admit(SparkLane(self, work))
