from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_sparktune.driver.tuning import _warn_of_room
from tests.driver.world import spec


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ""),
        ({"parallelism": 2}, ""),
        ({"parallelism": 3}, "parallelism 3 is more than the 2 task slots"),
    ],
)
def test_a_parallelism_that_does_not_fit_the_cluster_is_said(
    caplog: pytest.LogCaptureFixture, given: dict[str, Any], told: str
) -> None:
    with caplog.at_level(logging.WARNING):
        _warn_of_room(spec(**given), 2)
    assert (told in caplog.text) if told else caplog.records == []
