"""The port for reports follows Spark's settings."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from airflow_sparktune.driver.spark.report_port import PORT, open_channel
from airflow_sparktune.executor.reports.link import Link
from airflow_sparktune.executor.reports.report import Answer, Report

REPORT = Report(trial=1, attempt=1, tries=1, step=1, loss=0.5)


def context(**conf: str) -> SimpleNamespace:
    settings = {"spark.driver.host": "localhost", "spark.driver.bindAddress": "127.0.0.1", **conf}
    return SimpleNamespace(getConf=lambda: settings)


def test_workers_reach_it_at_the_drivers_host() -> None:
    channel = open_channel(context())  # type: ignore[arg-type]
    assert channel is not None
    door = channel.open(lambda _: Answer.STOP)
    assert (door.host, door.port) == ("localhost", channel.port)
    assert Link(door).answer(REPORT) is Answer.STOP
    channel.close()


def test_ipv6_addresses_are_in_brackets_in_sparks_settings() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    loopback = dict.fromkeys(("spark.driver.host", "spark.driver.bindAddress"), "[::1]")
    channel = open_channel(context(**loopback))  # type: ignore[arg-type]
    assert channel is not None
    assert Link(channel.open(lambda _: Answer.STOP)).answer(REPORT) is Answer.STOP
    channel.close()


@pytest.mark.parametrize("port", ["taken", "70000", "any"])
def test_a_port_that_cannot_be_had_costs_only_the_pruning(
    port: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        asked = str(taken.getsockname()[1]) if port == "taken" else port
        assert open_channel(context(**{PORT: asked})) is None  # type: ignore[arg-type]
    assert f"{PORT} must be a free port of the driver at 127.0.0.1, got {asked}" in caplog.text
