"""What a task submits: files, settings and environment, and nothing secret on a command line."""

from __future__ import annotations

import hashlib
import os
import sys
import types
from pathlib import Path

import pytest
from airflow.providers.apache.spark.hooks import spark_submit as spark_hook


def test_submission(operator, run, spark_submit) -> None:
    """The task submits the launcher and the zip with this Python, no stdin, in a folder that it removes."""
    note = spark_submit("works")
    run(operator(conf={"spark.executor.memory": "2g"}, py_files="/lib/own.zip", name="nightly"))
    started = note()
    line, conf = started["arguments"], started["conf"]
    assert line[line.index("--name") + 1] == "nightly"
    assert conf["spark.pyspark.driver.python"] == conf["spark.pyspark.python"] == sys.executable
    assert conf["spark.executor.memory"] == "2g"
    assert line[line.index("--py-files") + 1].endswith("/airflow_sparktune.zip,/lib/own.zip")
    assert started["stdin"] == "/dev/null"
    assert line[line.index("--work") + 1] == started["cwd"]
    assert not Path(started["cwd"]).exists()
    assert started["environment"]["PYTHONUNBUFFERED"] == "1"


def test_the_cluster_decides_about_its_own_python(operator, run, spark_submit) -> None:
    """On a cluster, only the driver's Python is set."""
    note = spark_submit("works", master="spark://master:7077")
    run(operator())
    assert note()["conf"]["spark.pyspark.driver.python"] == sys.executable
    assert "spark.pyspark.python" not in note()["conf"]


def test_settings_of_the_user_are_kept(operator, run, spark_submit) -> None:
    """Settings in the user's conf are not changed."""
    note = spark_submit("works")
    run(operator(conf={"spark.pyspark.python": "/opt/py/bin/python"}))
    assert note()["conf"]["spark.pyspark.python"] == "/opt/py/bin/python"


def test_no_secret_is_on_the_command_line(operator, run, spark_submit) -> None:
    """Settings are in a file that only this user can read; a local driver gets its environment directly."""
    note = spark_submit("works")
    task = operator(conf={"spark.executorEnv.DB_PW": "hunter2"}, env_vars={"API_TOKEN": "hunter3"})
    run(task)
    started = note()
    assert "hunter" not in " ".join(started["arguments"])
    assert "--conf" not in started["arguments"]
    assert (started["conf"]["spark.executorEnv.DB_PW"], started["mode"]) == ("hunter2", 0o600)
    assert started["environment"]["API_TOKEN"] == "hunter3"
    assert (task.conf, task.env_vars) == ({"spark.executorEnv.DB_PW": "hunter2"}, {"API_TOKEN": "hunter3"})


@pytest.mark.parametrize(
    ("master", "behaviour", "prefix"),
    [
        ("yarn", "works on YARN", "spark.yarn.appMasterEnv"),
        ("k8s://https://c:443", "works", "spark.kubernetes.driverEnv"),
    ],
)
def test_no_environment_of_a_cluster_is_on_the_command_line(
    operator, run, spark_submit, monkeypatch, master, behaviour, prefix
) -> None:
    """On YARN and Kubernetes, the provider would put it there."""
    monkeypatch.setattr(spark_hook, "kube_client", types.SimpleNamespace(ApiException=OSError), raising=False)
    note = spark_submit(behaviour, master=master)
    run(operator(env_vars={"DB_PW": "hunter2"}))
    started = note()
    assert "hunter2" not in " ".join(started["arguments"])
    assert started["conf"][f"{prefix}.DB_PW"] == "hunter2"
    assert started["environment"]["DB_PW"] == "hunter2"  # the driver is on this machine


def test_settings_of_openlineage_are_not_on_the_command_line(
    operator, run, spark_submit, monkeypatch
) -> None:
    """The provider adds them to the task's conf just before it submits, and they may contain a key."""
    key = "spark.openlineage.transport.auth.apiKey"
    monkeypatch.setattr(
        "airflow_sparktune.orchestrator.deploy.provider.connection.inject_transport_information_into_spark_properties",
        lambda conf, _: {**conf, key: "hunter2"},
    )
    note = spark_submit("works")
    run(operator(openlineage_inject_transport_info=True))
    assert "hunter2" not in " ".join(note()["arguments"])
    assert note()["conf"][key] == "hunter2"


def test_spark_defaults_are_kept(operator, run, spark_submit, tmp_path) -> None:
    """With a properties file, spark-submit ignores spark-defaults.conf, so the file includes its settings."""
    note = spark_submit("works")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.eventLog.dir  hdfs:///logs\n")
    run(operator(env_vars={"SPARK_CONF_DIR": str(tmp_path / "conf")}))
    assert note()["conf"]["spark.eventLog.dir"] == "hdfs:///logs"


def test_the_driver_checks_the_submitted_spec(operator, run, spark_submit) -> None:
    """The hash of the spec is on the driver's command line."""
    note = spark_submit("works")
    _, ti = run(operator())
    line = note()["arguments"]
    written = Path(ti.pushed["study"], "spec.json").read_bytes()
    assert line[line.index("--spec-sha256") + 1] == hashlib.sha256(written).hexdigest()


def test_options_of_the_machine_are_kept(operator, run, spark_submit, monkeypatch) -> None:
    """A proxy in SPARK_SUBMIT_OPTS is kept and has precedence."""
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-Dhttps.proxyHost=proxy")
    note = spark_submit("works")
    run(operator())
    *ours, last = note()["environment"]["SPARK_SUBMIT_OPTS"].split()
    assert any(option.startswith("-Dlog4j2.configurationFile=") for option in ours)
    assert f"-Djava.io.tmpdir={note()['cwd']}/scratch" in ours
    assert last == "-Dhttps.proxyHost=proxy"
    assert os.environ["SPARK_SUBMIT_OPTS"] == "-Dhttps.proxyHost=proxy"


def test_a_temporary_folder_too_deep_for_sockets(operator, run, spark_submit, monkeypatch, tmp_path) -> None:
    """The JVM then uses its default temporary folder."""
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    note = spark_submit("works")
    run(operator())
    assert note()["cwd"].startswith(str(deep))
    assert "java.io.tmpdir" not in note()["environment"]["SPARK_SUBMIT_OPTS"]
