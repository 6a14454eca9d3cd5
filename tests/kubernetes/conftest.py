from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.rights import may
from tests.kubernetes.stand_in.cluster import Cluster, running_cluster
from tests.kubernetes.stand_in.processes import Processes

collect_ignore = ["dags"]  # loaded by the real Airflow


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a cluster whose pods are processes of this machine, with the rights of the manifest."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": os.environ["HOME"]}
    if "JAVA_HOME" in os.environ:
        environment |= {"JAVA_HOME": os.environ["JAVA_HOME"], "PATH": f"{os.environ['JAVA_HOME']}/bin:{path}"}
    with running_cluster(
        tmp_path_factory.mktemp("kubernetes"),
        lambda api, find: Processes(api, find, environment),
        may=may,
    ) as cluster:
        yield cluster
