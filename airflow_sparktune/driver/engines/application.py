"""The base class of engines over a Spark application."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark import SparkContext

from airflow_sparktune.driver.engines.base import Charge
from airflow_sparktune.driver.engines.shares import SharingEngine
from airflow_sparktune.driver.reports.channel import Channel
from airflow_sparktune.driver.spark.context import (
    TaskSlots,
    cluster_slots,
    default_profile,
    describe,
    require_alive,
)
from airflow_sparktune.driver.spark.executors import ExecutorTime, executors
from airflow_sparktune.driver.spark.report_port import open_channel
from airflow_sparktune.driver.spark.sharing import SharingBroadcast, broadcast
from airflow_sparktune.errors import DriverLost

# Spark is asked for all its executors when its slots have changed, and every this many seconds: one executor
# may have replaced another.
EXECUTORS_S = 30.0


class ApplicationEngine(SharingEngine):
    """Starts a Spark application by `connect`, or takes one that is running."""

    def __init__(self, connect: Callable[[], SparkContext], *, parallelism: int | None = None) -> None:
        super().__init__(parallelism=parallelism)
        self._connect = connect
        self._starting = threading.Lock()
        self._context: SparkContext | None = None
        self._executors = ExecutorTime()
        self._task_slots: dict[int, TaskSlots] = {}  # by the id of their resource profile
        self._channel: Channel | None = None
        self._lending = threading.Lock()
        self._lent: SharingBroadcast | None = None
        self._reading = threading.Lock()
        self._read_at, self._slots_then = -math.inf, 0

    def start(self) -> None:
        with self._starting:
            if self._context is None:
                try:
                    self._context = self._connect()
                except (ConnectionError, Py4JNetworkError) as error:
                    raise DriverLost(f"the driver's JVM ended while Spark started: {error}") from error

    @property
    def context(self) -> SparkContext:
        """Return the application's context."""
        if self._context is None:
            raise RuntimeError("an engine must be started before it runs trials; call start() first")
        return self._context

    def task_slots(self, profile: JavaObject | None = None) -> TaskSlots:
        """Return the slots for tasks of a resource profile, None for the application's settings.

        Lanes share them, because they share what is known of the cluster's growth.
        """
        profile = profile or default_profile(self.context)
        with self._starting:
            if (found := self._task_slots.get(profile.id())) is None:
                found = self._task_slots[profile.id()] = TaskSlots(self.context, profile)
            return found

    @property
    def channel(self) -> Channel | None:
        """Return the channel for reports, opened with its first use; None if its port is taken."""
        with self._starting:
            if self._channel is None:
                self._channel = open_channel(self.context)
            return self._channel

    def lend(self, load: Callable[[], Any]) -> SharingBroadcast:
        """Broadcast the value that all lanes share, loaded once; raises PicklingError."""
        with self._lending:
            if self._lent is None:
                self._lent = broadcast(self.context, load)
            return self._lent

    def charge(self) -> Charge:
        # If Spark is gone, the slots that it had count until the study ends.
        with self._reading, suppress(DriverLost, Py4JError, OSError):
            require_alive(self.context)
            slots, now = cluster_slots(self.context), monotonic()
            if slots != self._slots_then or now - self._read_at >= EXECUTORS_S:
                self._executors.read(executors(self.context))
                self._slots_then, self._read_at = slots, now
        return Charge(self._executors.slot_s, self._executors.slots)

    def describe(self) -> Mapping[str, str | None]:
        return describe(self.context)

    def close(self) -> None:
        super().close()
        if self._lent is not None:
            self._lent.close()
        if self._channel is not None:
            self._channel.close()
