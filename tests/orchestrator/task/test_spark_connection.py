"""Spark connections that cannot be used, and options that do not fit them."""

from __future__ import annotations

import pytest
from airflow.providers.apache.spark.hooks import spark_submit as spark_hook
from airflow.sdk.exceptions import AirflowFailException


def test_an_error_of_the_provider_is_not_retried(operator, run, spark_submit) -> None:
    """An API without an address is refused; the provider's message fails the task permanently."""
    note = spark_submit("works", master="yarn")
    with pytest.raises(AirflowFailException, match="yarn_resourcemanager_webapp_address"):
        run(operator(deploy_mode="cluster", yarn_track_via_rm_api=True))
    assert note() is None


@pytest.mark.parametrize("option", ["yarn_track_via_rm_api", "track_driver_via_k8s_api"])
def test_options_of_a_cluster_are_refused_elsewhere(operator, run, spark_submit, option) -> None:
    """The provider's message fails the task permanently."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match=f"`{option}=True` requires Spark master to be"):
        run(operator(**{option: True}))
    assert note() is None


def test_files_that_spark_cannot_send_to_kubernetes(operator, run, spark_submit) -> None:
    """Spark would fail with a stack trace; the task fails permanently, before Spark starts."""
    note = spark_submit("works", master="k8s://https://cluster:443")
    with pytest.raises(AirflowFailException, match=r"spark\.kubernetes\.file\.upload\.path"):
        run(operator(deploy_mode="cluster", py_files="/lib/a.zip"))
    assert note() is None


def test_an_invalid_connection(operator, run, spark_submit) -> None:
    """A connection that the provider's hook rejects fails the task permanently."""
    spark_submit("works", **{"spark-binary": "spark9-submit"})
    with pytest.raises(AirflowFailException, match="'spark_default' must be usable on this worker"):
        run(operator())


def test_missing_connection(operator, run, spark_submit, monkeypatch) -> None:
    """YARN is not used silently: the error has the connection and the command that creates it."""
    spark_submit("works")
    monkeypatch.delenv("AIRFLOW_CONN_SPARK_DEFAULT")
    with pytest.raises(AirflowFailException, match=r"got 'spark_default'; create it with: airflow"):
        run(operator())


def test_python_in_cluster_mode_on_a_standalone_master(operator, run, spark_submit) -> None:
    """Spark does not support it, and the error is raised before anything is submitted."""
    note = spark_submit("works", master="spark://master:7077")
    with pytest.raises(AirflowFailException, match=r"set deploy_mode='client'"):
        run(operator(deploy_mode="cluster"))
    assert note() is None


def test_kubernetes_without_its_provider(operator, run, spark_submit, monkeypatch) -> None:
    """The error has the package to install."""
    monkeypatch.delattr(spark_hook, "kube_client")  # as if its import had failed
    spark_submit("works", master="k8s://https://cluster:443")
    with pytest.raises(AirflowFailException, match=r"pip install 'airflow-sparktune\[kubernetes\]'"):
        run(operator())


def test_yarn_without_the_resource_managers_api(operator, run, spark_submit, capsys) -> None:
    """By default the provider refuses cluster mode there; a study needs no reconnection, and says so."""
    spark_submit("works", master="yarn")
    best, _ = run(operator(deploy_mode="cluster"))
    assert best == {"x": 0}
    assert "a retry will start a new driver, which continues the study" in capsys.readouterr().out
