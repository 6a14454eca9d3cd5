from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.airflow_site import Site
from tests.integration.standalone_cluster import standalone_cluster
from tests.yarn.stand_in import Yarn, javac, yarn_stand_in

collect_ignore = ["dags"]  # loaded by the real Airflow


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one Spark cluster for all tests, with two workers of one core; yields the master's URL."""
    with standalone_cluster(tmp_path_factory.mktemp("cluster")) as master:
        yield master


@pytest.fixture(scope="session")
def yarn(airflow: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yarn]:
    """Run one YARN for all tests, and tell Airflow where it is: connections `yarn` and `yarn_client`."""
    compiler = javac()
    if compiler is None:
        pytest.skip("YARN was not tested: it needs javac (apt-get install default-jdk-headless)")
    with yarn_stand_in(tmp_path_factory.mktemp("yarn"), compiler) as running:
        (airflow.home / "hadoop").symlink_to(running.conf_dir)
        for name, mode in (("yarn", "cluster"), ("yarn_client", "client")):
            extra = {"deploy-mode": mode, "yarn_resourcemanager_webapp_address": running.address}
            connection = {"connection_id": name, "conn_type": "spark", "host": "yarn"}
            airflow.call("POST", "connections", **connection, extra=json.dumps(extra))
        yield running
