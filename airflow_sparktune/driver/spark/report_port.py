"""Open the channel for reports where the executors already reach the driver."""

from __future__ import annotations

import logging

from pyspark import SparkContext

from airflow_sparktune.driver.reports.channel import Channel

log = logging.getLogger(__name__)

# A Spark setting, beside spark.driver.port: where a firewall needs it, the port is fixed.
PORT = "spark.sparktune.reports.port"


def open_channel(context: SparkContext) -> Channel | None:
    """Listen at the driver's address in Spark's settings; return None, and say so, if that fails."""
    conf = context.getConf()
    host = conf.get("spark.driver.host").strip("[]")
    bind = conf.get("spark.driver.bindAddress", host).strip("[]")
    port = conf.get(PORT, "0")
    try:
        return Channel(bind=bind, host=host, port=int(port))
    except (OSError, OverflowError, ValueError) as error:
        log.warning(
            "%s must be a free port of the driver at %s, got %s (%s): trials go on without pruning, and "
            "their reports are lost; set another port, or leave it unset for any", PORT, bind, port, error,
        )  # fmt: skip
        return None
