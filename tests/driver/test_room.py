from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_sparktune.driver.attempt import _warn_of_room
from tests.driver.world import spec


@pytest.mark.parametrize(
    ("conf", "given", "told"),
    [
        ({}, {}, ""),
        ({}, {"parallelism": 2}, ""),
        ({}, {"parallelism": 3}, "parallelism 3 is more than the 2 task slots"),
        ({"spark.dynamicAllocation.enabled": "false"}, {}, ""),
        ({"spark.dynamicAllocation.enabled": "true"}, {"parallelism": 2}, ""),
        ({"spark.dynamicAllocation.enabled": "true"}, {}, "parallelism should be set where Spark allocates"),
    ],
)
def test_a_parallelism_that_does_not_fit_the_cluster_is_said(
    caplog: pytest.LogCaptureFixture, conf: dict[str, str], given: dict[str, Any], told: str
) -> None:
    with caplog.at_level(logging.WARNING):
        _warn_of_room(spec(**given), 2, conf)  # type: ignore[arg-type]
    assert (told in caplog.text) if told else caplog.records == []
