from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.standalone_cluster import standalone_cluster

collect_ignore = ["dags"]  # loaded by the real Airflow


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one Spark cluster for all tests, with two workers of one core; yields the master's URL."""
    with standalone_cluster(tmp_path_factory.mktemp("cluster")) as master:
        yield master
