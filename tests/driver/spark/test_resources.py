"""The settings that give a trial its cores and GPUs, and what is refused before Spark waits for ever."""

from __future__ import annotations

import os
from typing import Any

import pytest

from airflow_sparktune.driver.spark.resources import task_settings
from airflow_sparktune.errors import PlatformError
from airflow_sparktune.study.definition.execution import TrialResources

CLUSTER = {"spark.master": "spark://host:7077"}
WITH_GPUS = {"spark.executor.resource.gpu.amount": "2"}
SCRIPT = {"spark.executor.resource.gpu.discoveryScript": "/opt/gpus.sh"}
MANAGED = ("yarn", "k8s://https://host:6443")


def settings(given: dict[str, str], **wanted: Any) -> dict[str, str]:
    return task_settings(TrialResources(**wanted), given)


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        ({"spark.master": "local[4]"}, {"cpus": 4}, {"spark.task.cpus": "4"}),
        ({"spark.master": "local[*]"}, {"cpus": os.cpu_count()}, {"spark.task.cpus": str(os.cpu_count())}),
        ({"spark.master": "local[2, 3]"}, {"cpus": 2}, {"spark.task.cpus": "2"}),
        (CLUSTER, {"cpus": 4}, {"spark.task.cpus": "4"}),
        (
            {**CLUSTER, **WITH_GPUS, "spark.task.cpus": "1"},
            {"gpus": 1},
            {"spark.task.cpus": "1", "spark.task.resource.gpu.amount": "1"},
        ),
        (
            {**CLUSTER, **WITH_GPUS},
            {"gpus": 0.5},
            {"spark.task.cpus": "1", "spark.task.resource.gpu.amount": "0.5"},
        ),
        ({"spark.master": "yarn", "spark.executor.cores": "8"}, {"cpus": 4}, {"spark.task.cpus": "4"}),
    ],
)
def test_settings(given: dict[str, str], wanted: dict[str, Any], expected: dict[str, str]) -> None:
    assert settings(given, **wanted) == expected


@pytest.mark.parametrize("master", MANAGED)
def test_executors_are_as_large_as_a_trial_where_spark_would_give_them_one_core(master: str) -> None:
    assert settings({"spark.master": master}, cpus=4)["spark.executor.cores"] == "4"
    assert "spark.executor.cores" not in settings({**CLUSTER}, cpus=4)


@pytest.mark.parametrize(
    ("given", "wanted", "message"),
    [
        ({"spark.master": "local"}, {"cpus": 2}, "got 1 on local and the cpus 2"),
        ({"spark.master": "local[2]"}, {"cpus": 4}, r"got 2 on local\[2\] and the cpus 4"),
        ({**CLUSTER, "spark.executor.cores": "2"}, {"cpus": 4}, "got 2 on spark://host:7077 and the cpus 4"),
        (
            {"spark.master": "local[2]", **WITH_GPUS},
            {"gpus": 1},
            r"must go with a cluster, got the master local\[2\]",
        ),
        (CLUSTER, {"gpus": 1}, "spark.executor.resource.gpu.amount must be at least .*, got none and 1; set"),
        ({**CLUSTER, **WITH_GPUS}, {"gpus": 4}, "got 2 and 4; set it in conf"),
        ({"spark.master": "yarn", **WITH_GPUS}, {"gpus": 1}, "discoveryScript must name a script"),
        ({**CLUSTER, "spark.task.cpus": "2"}, {"cpus": 4}, "spark.task.cpus must be left to .* got 2 in"),
        (
            {**CLUSTER, **WITH_GPUS, "spark.task.resource.gpu.amount": "1"},
            {"cpus": 2},
            "spark.task.resource.gpu.amount must be left to .* got 1 in Spark's settings and none there",
        ),
    ],
)
def test_what_cannot_be_had_is_refused(given: dict[str, str], wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(PlatformError, match=message) as raised:
        settings(given, **wanted)
    assert not raised.value.retryable


@pytest.mark.parametrize("master", MANAGED)
def test_executors_of_yarn_and_kubernetes_find_their_gpus_by_a_script(master: str) -> None:
    given = {"spark.master": master, **WITH_GPUS, **SCRIPT}
    assert settings(given, gpus=1)["spark.task.resource.gpu.amount"] == "1"


def test_the_log_says_why_trials_with_gpus_get_new_processes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    settings({**CLUSTER, **WITH_GPUS}, cpus=2)
    assert caplog.text == ""
    settings({**CLUSTER, **WITH_GPUS}, gpus=1)
    assert "CUDA keeps the devices and the memory of a process" in caplog.text
