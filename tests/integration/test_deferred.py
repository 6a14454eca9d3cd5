"""Studies that run without a worker, under a real scheduler and a real triggerer."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.study import Study
from tests.integration.airflow_site import Run, Site, wait_for
from tests.integration.small_cluster import SmallCluster, small_cluster
from tests.integration.standalone_cluster import PYSPARK

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def yarn(airflow: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """Run a small cluster that the connection `small_cluster` names."""
    with small_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        # Airflow's PATH has this folder.
        (airflow.home / "bin" / "spark3-submit").symlink_to(cluster.folder / "spark3-submit")
        extra = {
            "deploy-mode": "cluster",
            "spark-binary": "spark3-submit",
            "yarn_resourcemanager_webapp_address": cluster.address,
        }
        connection = {"connection_id": "small_cluster", "conn_type": "spark", "host": "yarn"}
        airflow.call("POST", "connections", **connection, extra=json.dumps(extra))
        yield cluster


def study(run: Run) -> Study:
    return read_study(run.xcom(key="study")).study


def deferred(yarn: SmallCluster, run: Run) -> str:
    """Wait until the task of a run is deferred, and its driver is at work; return its application."""
    run.wait("deferred", "failed", "success")
    assert run.state() == "deferred", run.log()
    wait_for(lambda: study(run).finished, lambda n: n >= 2, what=f"two trials of {run.dag}, {run.run}")
    return yarn.of(run.xcom(key="study"))[-1]


def test_the_worker_is_free_and_the_application_ends_with_its_task(airflow: Site, yarn: SmallCluster) -> None:
    """A clear, a mark as failed and a timeout each end the application of their own try, and no other."""
    cleared = airflow.trigger("deferred", "cleared")
    failed = airflow.trigger("deferred", "failed")
    applications = {deferred(yarn, run) for run in (cleared, failed)}
    pool = airflow.call("GET", "pools/default_pool")
    assert pool["deferred_slots"] >= 2
    assert pool["running_slots"] == 0
    late = airflow.trigger("deferred_too_long")
    failed.mark_failed()
    cleared.clear("tune")
    wait_for(lambda: set(yarn.killed), applications.issubset, what="the applications to be ended")
    late.wait("failed")
    assert "Trigger timeout" in late.log()
    (of_late,) = yarn.of(late.xcom(key="study"))
    assert sorted(yarn.killed) == sorted({*applications, of_late})
    cleared.wait("success", "failed")
    found = study(cleared)
    assert cleared.xcom() == found.best.params
    assert found.finished == 24
    assert len(yarn.of(cleared.xcom(key="study"))) == 1  # as after any clear, it is another study
    assert failed.state() == "failed"


def test_a_study_outlives_its_triggerer(airflow: Site, yarn: SmallCluster) -> None:
    """The triggerer is killed; the one that is started after the study's end delivers the result."""
    run = airflow.trigger("deferred", "outlived")
    name = deferred(yarn, run)
    triggerer = airflow.process("triggerer")
    restart = airflow.starter(triggerer)
    for process in (triggerer, *triggerer.children(recursive=True)):
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: yarn.state(name)[0], lambda state: state != "RUNNING", what="the end of the study")
    assert run.state() == "deferred"
    restart()
    run.wait("success", "failed")
    assert run.xcom() == study(run).best.params
    assert run.tries() == 1
    assert yarn.of(run.xcom(key="study")) == [name]
    assert name not in yarn.killed


def test_another_operator_submits(airflow: Site) -> None:
    """The provider's own operator submits the prepared application, and the collector waits in a trigger."""
    program = airflow.home / "bin" / "spark2-submit"
    variables = f"SPARK_HOME='{PYSPARK}' PYSPARK_PYTHON='{sys.executable}'"
    program.write_text(f"#!/bin/sh\n{variables} exec '{PYSPARK}/bin/spark-submit' \"$@\"\n")
    program.chmod(0o755)
    connection = {"connection_id": "stranger", "conn_type": "spark", "host": "local[2]"}
    airflow.call("POST", "connections", **connection, extra='{"spark-binary": "spark2-submit"}')
    run = airflow.trigger("submitted_by_another")
    run.wait("success", "failed", "upstream_failed")
    assert run.state() == "success", run.log("submit")
    found = study(run)
    assert run.xcom() == found.best.params
    assert run.xcom(key="tuning_result")["counts"]["ok"] == found.finished == 6
    assert run.xcom("prepare", "study") == run.xcom(key="study")
