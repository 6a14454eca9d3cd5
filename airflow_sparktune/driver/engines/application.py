"""The base class of engines over a Spark application."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from pyspark import SparkContext

from airflow_sparktune.driver.engines.shares import L, SharingEngine
from airflow_sparktune.driver.spark.context import describe


class ApplicationEngine(SharingEngine[L]):
    """Starts a Spark application by `connect`, or takes one that is running."""

    def __init__(self, connect: Callable[[], SparkContext]) -> None:
        super().__init__()
        self._connect = connect
        self._starting = threading.Lock()
        self._context: SparkContext | None = None

    def start(self) -> None:
        with self._starting:
            if self._context is None:
                self._context = self._connect()

    @property
    def context(self) -> SparkContext:
        """Return the application's context."""
        if self._context is None:
            raise RuntimeError("an engine must be started before it runs trials; call start() first")
        return self._context

    def describe(self) -> Mapping[str, str | None]:
        return describe(self.context)
