"""SparkTuneOperator with a stand-in for spark-submit: its checks, submissions and results."""

from __future__ import annotations

import grp
import hashlib
import inspect
import os
import sys
import threading
import types
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.apache.spark.hooks import spark_submit as spark_hook
from airflow.providers.apache.spark.operators import spark_submit as spark_operator
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_secret

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.errors import DriverLost, StorageError
from airflow_sparktune.orchestrator.deploy.submit_files import SubmitFiles
from airflow_sparktune.orchestrator.task_study import warn_of_local_storage
from airflow_sparktune.study.definition import ALGORITHMS, KEYS, packages
from airflow_sparktune.study.journal.follow import read_study
from tests.orchestrator.conftest import Store

RUN = "churn/tune/manual__2026-01-01T00_00_00_00_00-1e8dc70c"
# Where Spark copies the files of a submission to Kubernetes.
UPLOADS = {"spark.kubernetes.file.upload.path": "s3a://my-bucket/uploads"}


def test_delivers_the_best_params(operator, run, spark_submit, storage) -> None:
    """The best params are the return value; loss, summary and address are other XCom keys."""
    spark_submit("works")
    best, ti = run(operator())
    assert best == {"x": 0}
    assert ti.pushed["best_loss"] == 0.0
    assert ti.pushed["study"] == str(storage / RUN / "g0")
    result = ti.pushed["tuning_result"]
    assert [result["study"], result["counts"]["ok"], result["stop_reason"]] == [
        ti.pushed["study"],
        3,
        "max_evals",
    ]


def test_a_score_is_delivered_with_its_own_sign(operator, run, spark_submit) -> None:
    """The loss beside it is what the journal holds."""
    spark_submit("works")
    _, ti = run(operator(maximize="accuracy", max_evals=3))
    assert (ti.pushed["best_score"], ti.pushed["best_loss"]) == (0.0, 0.0)
    assert ti.pushed["tuning_result"]["maximize"] == "accuracy"


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
        "airflow_sparktune.orchestrator.deploy.provider.inject_transport_information_into_spark_properties",
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


def test_templated_budgets(operator, run, spark_submit, storage) -> None:
    """Texts from templates are accepted as numbers."""
    spark_submit("works")
    run(operator(max_evals="4", parallelism="2", timeout=timedelta(minutes=1), seed="7"))
    spec = read_study(str(storage / RUN / "g0")).study.spec
    assert (spec.max_evals, spec.parallelism, spec.timeout, spec.seed) == (4, 2, 60.0, 7)


def test_all_arguments_of_the_spec_are_templated() -> None:
    """Budgets, arguments and paths may be templates; the provider's template fields are kept."""
    fields = set(SparkTuneOperator.template_fields)
    assert {"objective", "objective_kwargs", "space", "max_evals", "timeout", "storage", "conf"} <= fields


def test_the_operator_takes_every_argument_of_a_spec() -> None:
    """The constructor has each key of the spec: templated, documented, unset by default."""
    found = inspect.signature(SparkTuneOperator.__init__).parameters
    for item in KEYS:
        assert found[item.name].default is None, item.name
        assert item.name in SparkTuneOperator.template_fields
        assert f":param {item.name}: {item.doc}" in (SparkTuneOperator.__doc__ or "")
    given = {item.name: f"{{{{ {item.name} }}}}" for item in KEYS}
    task = SparkTuneOperator(task_id="tune", **given)
    assert {name: getattr(task, name) for name in given} == given


def test_retry_continues(operator, run, spark_submit, storage) -> None:
    """A driver that ended without a verdict is retried, and the next attempt runs the missing trials."""
    spark_submit("dies at the second trial")
    with pytest.raises(DriverLost, match="after 2 finished trials; a retry continues the study"):
        run(operator())
    spark_submit("works")
    run(operator())
    study = read_study(str(storage / RUN / "g0")).study
    assert [study.finished, len(study.attempts)] == [3, 2]


def test_a_result_is_delivered_without_another_driver(operator, run, spark_submit) -> None:
    """A retry submits nothing if the study already has a result."""
    spark_submit("works")
    first, _ = run(operator())
    spark_submit("dies early")
    again, ti = run(operator())
    assert again == first
    assert ti.pushed["best_loss"] == 0.0
    assert ti.pushed["study"] == ti.pushed["tuning_result"]["study"]


def test_another_generation_is_another_study(operator, run, spark_submit, storage) -> None:
    """Clearing raises max_tries, so the study has another folder, and the old one is kept."""
    spark_submit("works")
    run(operator())
    run(operator(), max_tries=1)
    run(operator(), max_tries=1, map_index=3)
    assert read_study(str(storage / RUN / "g0")).study.result_stands
    assert read_study(str(storage / RUN / "g1")).study.result_stands
    assert read_study(str(storage / RUN / "3" / "g1")).study.result_stands


def test_an_error_that_the_user_must_fix_is_not_retried(operator, run, spark_submit) -> None:
    """An error that the user must fix fails the task permanently, with the driver's message."""
    spark_submit("fails")
    with pytest.raises(AirflowFailException, match="the objective 'm:f' must be callable, got int"):
        run(operator())


def test_older_studies_are_removed_after_a_success(operator, run, spark_submit, storage, caplog) -> None:
    """Older studies are removed only after a success; this run's study is always kept."""
    spark_submit("works")
    for clear in range(3):
        run(operator(keep_studies=None), max_tries=clear)
    spark_submit("fails")
    with pytest.raises(AirflowFailException):
        run(operator(keep_studies=2), max_tries=3)
    folder = storage / RUN
    assert sorted(path.name for path in folder.iterdir()) == ["g0", "g1", "g2", "g3"]
    spark_submit("works")
    _, ti = run(operator(keep_studies="2"), max_tries=4)
    assert sorted(path.name for path in folder.iterdir()) == ["g3", "g4"]
    assert ti.pushed["study"] == str(folder / "g4")


def test_a_failed_removal_does_not_fail_the_task(operator, run, spark_submit, monkeypatch, caplog) -> None:
    spark_submit("works")
    run(operator())

    def refuse(*_: Any, **__: Any) -> None:
        raise StorageError("cannot remove: Permission denied")

    monkeypatch.setattr("airflow_sparktune.study.storage.LocalStorage.clear", refuse)
    best, _ = run(operator(keep_studies=1), max_tries=1)
    assert best == {"x": 0}
    assert "an older study was not removed: cannot remove: Permission denied" in caplog.text


def test_an_invalid_number_of_studies_is_rejected_at_once(rendered, run, spark_submit) -> None:
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match="keep_studies must be a number of studies, or an age"):
        run(rendered(keep_studies="all"))
    assert note() is None


def test_escape_sequences_are_removed_from_the_error(operator, run, spark_submit) -> None:
    """Escape sequences from a journal are removed from Airflow's log and from the exception."""
    spark_submit("fails with escapes")
    with pytest.raises(AirflowFailException) as raised:
        run(operator())
    assert str(raised.value) == "no[31m such module"
    assert str(raised.value.__cause__) == "no[31m such module"


def test_a_storage_group_may_read_the_study(operator, run, spark_submit, storage, monkeypatch) -> None:
    """`[sparktune] storage_group` is for an API server that runs as another user."""
    group = grp.getgrgid(max(os.getgroups(), default=os.getgid()))
    monkeypatch.setenv("AIRFLOW__SPARKTUNE__STORAGE_GROUP", group.gr_name)
    spark_submit("works")
    before = os.umask(0o077)
    try:
        run(operator())
    finally:
        os.umask(before)
    files = [path for path in storage.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"spec.json", "airflow.json"}
    for path in [storage, *storage.rglob("*")]:
        status = path.stat()
        assert status.st_gid == group.gr_gid
        assert status.st_mode & 0o077 == (0o040 if path.is_file() else 0o050), path


def test_a_missing_storage_group(operator, run, spark_submit, monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW__SPARKTUNE__STORAGE_GROUP", "no-such-group")
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match="must be one of this machine's, got 'no-such-group'"):
        run(operator())
    assert note() is None


def test_a_driver_that_never_opened_the_study(operator, run, spark_submit) -> None:
    """The error has the last lines of spark-submit."""
    spark_submit("dies early")
    with pytest.raises(DriverLost, match="no such thing as a master"):
        run(operator())


def test_an_older_result_is_not_reported_as_new(operator, run, spark_submit) -> None:
    """An earlier result does not count as the result of a driver that has died since."""
    spark_submit("works")
    run(operator())
    spark_submit("dies early")
    with pytest.raises(DriverLost, match="no such thing as a master"):
        run(operator(max_evals=5))


def test_a_verdict_on_a_study_that_starts_over(operator, run, spark_submit) -> None:
    """An attempt that takes over no earlier attempt still delivers its verdict."""
    spark_submit("dies at the second trial")
    with pytest.raises(DriverLost):
        run(operator())
    spark_submit("fails")
    with pytest.raises(AirflowFailException, match="must be callable"):
        run(operator(objective_kwargs={"rows": 5}))


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


@pytest.mark.parametrize("behaviour", ["works", "dies early"])
def test_commands_after_the_submission(operator, run, spark_submit, tmp_path, behaviour) -> None:
    """The provider's `post_submit_commands` run once, whatever became of the driver."""
    spark_submit(behaviour)
    done = tmp_path / "done"
    with suppress(DriverLost):
        run(operator(post_submit_commands=[f"mkdir {done}"]))
    assert done.is_dir()


def test_yarn_without_the_resource_managers_api(operator, run, spark_submit, capsys) -> None:
    """By default the provider refuses cluster mode there; a study needs no reconnection, and says so."""
    spark_submit("works", master="yarn")
    best, _ = run(operator(deploy_mode="cluster"))
    assert best == {"x": 0}
    assert "a retry will start a new driver, which continues the study" in capsys.readouterr().out


def test_kubernetes_without_a_place_for_the_files(operator, run, spark_submit, monkeypatch) -> None:
    """Spark would fail with a stack trace; the task fails permanently, before Spark starts."""
    monkeypatch.setattr(spark_hook, "kube_client", types.SimpleNamespace(), raising=False)
    note = spark_submit("works", master="k8s://https://cluster:443")
    with pytest.raises(AirflowFailException, match=r"spark\.kubernetes\.file\.upload\.path"):
        run(operator(deploy_mode="cluster"))
    assert note() is None


def test_an_invalid_connection(operator, run, spark_submit) -> None:
    """A connection that the provider's hook rejects fails the task permanently."""
    spark_submit("works", **{"spark-binary": "spark9-submit"})
    with pytest.raises(AirflowFailException, match="'spark_default' must be usable on this worker"):
        run(operator())


def test_output_that_is_not_text(operator, run, spark_submit) -> None:
    """A trial may print bytes that are not text."""
    spark_submit("prints no text")
    best, _ = run(operator())
    assert best == {"x": 0}


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


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_evals": 0}, "max_evals must be a whole number of at least 1, got 0"),
        ({"parallelism": "many"}, "parallelism must be a whole number of at least 1, got 'many'"),
        ({"timeout": timedelta(seconds=-1)}, "timeout must be a time above 0"),
        ({"objective_kwargs": {"model": object()}}, r"objective_kwargs\['model'\] must be plain JSON"),
        ({"space": {"x": {"unifrom": [0, 1]}}}, "did you mean 'uniform'"),
        ({"objective": "train"}, "objective must be 'module:name'"),
        ({"objective": "train.py:loss"}, "a named file must exist, got 'train.py'"),
        ({"execution": {"run_trials_on": "moon"}}, "execution.run_trials_on must be 'executors'"),
        ({"algo": "magic"}, f"algo must be one of {', '.join(ALGORITHMS)}"),
    ],
)
def test_invalid_input_is_rejected_before_anything_is_submitted(
    rendered, run, spark_submit, given, message
) -> None:
    """The error has rule, value and way out, and is not retried."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match=message):
        run(rendered(**given))
    assert note() is None


def test_a_misspelled_objective_starts_no_spark(operator, run, spark_submit, tmp_path) -> None:
    """The objective is looked up in the source beside the DAG, which is not run."""
    note = spark_submit("works")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "train.py").write_text("raise SystemExit\ndef loss(params, rows=1): ...\n")
    with pytest.raises(AirflowFailException, match="train has no 'los'; did you mean 'loss'"):
        run(operator(objective="train:los"))
    with pytest.raises(AirflowFailException, match=r"must fit its arguments.*'row'"):
        run(operator(objective="train:loss", objective_kwargs={"row": 5}))
    assert note() is None


def test_a_warm_start_without_a_study_starts_no_spark(operator, run, spark_submit, tmp_path) -> None:
    """Its address is opened by the task, unless the driver on another machine may find a folder there."""
    note = spark_submit("works")
    absent = str(tmp_path / "absent")
    with pytest.raises(AirflowFailException, match=f"found no journal that can be read at {absent}"):
        run(operator(warm_start=absent))
    with pytest.raises(AirflowFailException, match="a URL or an absolute path, got 'last/week'"):
        run(operator(warm_start="last/week"))
    assert note() is None
    spark_submit("works on YARN", master="yarn")
    with suppress(DriverLost, AirflowFailException):  # the stand-in has no study to offer
        run(operator(warm_start=absent, deploy_mode="cluster", durable=False))
    assert note() is not None


def test_a_missing_package_of_the_algorithm_starts_no_spark(operator, run, spark_submit, monkeypatch) -> None:
    """It is missed only where the driver runs with this Python."""
    note = spark_submit("works")
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    task = operator(algo="optuna:TPESampler")
    with pytest.raises(AirflowFailException, match="needs the package 'optuna' where the driver runs"):
        run(task)
    assert note() is None
    run(operator(algo="optuna:TPESampler", conf={"spark.pyspark.driver.python": "/opt/py/bin/python"}))
    run(operator(algo="tpe"))
    assert note() is not None


def test_storage_that_cannot_be_written(operator, run, spark_submit, tmp_path) -> None:
    """No user can write to a folder below a file."""
    spark_submit("works")
    (tmp_path / "file").write_text("")
    with pytest.raises(AirflowFailException, match="the study folder must be"):
        run(operator(storage=str(tmp_path / "file" / "below")))


def test_storage_that_means_another_folder_to_each_process(rendered, run, spark_submit) -> None:
    """The driver would resolve a relative path in its own working folder."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match=r"absolute path, got 'studies'; the Spark driver"):
        run(rendered(storage="studies"))
    assert note() is None


@pytest.mark.parametrize(
    ("executor", "storage", "warned"),
    [
        ("LocalExecutor", "/data", False),
        ("CeleryExecutor", "/data", True),
        ("CeleryExecutor", "file:///data", True),
        ("CeleryExecutor,LocalExecutor", "/data", True),
        ("CeleryExecutor", "s3://bucket/studies", False),
    ],
)
def test_local_storage_where_a_retry_may_run_elsewhere(
    monkeypatch, caplog, executor: str, storage: str, warned: bool
) -> None:
    """The task warns if one of Airflow's executors runs tasks on other machines."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    warn_of_local_storage(f"{storage}/churn/tune/r1/g0", in_cluster=False)
    assert ("a retry on another worker starts over" in caplog.text) is warned


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


def test_secrets_stay_out_of_the_spec(operator, run, spark_submit, storage) -> None:
    """A value or key that Airflow masks is rejected; the message has its place but not the value."""
    spark_submit("works")
    mask_secret("correct-horse-battery")
    with pytest.raises(AirflowFailException, match=r"\['dsn'\] must not hold a secret") as caught:
        run(operator(objective_kwargs={"dsn": "db://me:correct-horse-battery@host"}))
    assert "horse" not in str(caught.value)
    with pytest.raises(AirflowFailException, match=r"a key of objective_kwargs must not hold") as caught:
        run(operator(objective_kwargs={"correct-horse-battery": True}))
    assert "horse" not in str(caught.value)
    assert not storage.exists()


def test_connections_are_looked_up_only_to_submit(operator, run, spark_submit) -> None:
    """An existing result is delivered even if the connection no longer exists."""
    spark_submit("works")
    run(operator())
    best, _ = run(operator(conn_id="gone"))
    assert best == {"x": 0}


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def durable(run, operator, spark_submit, resource_manager, store) -> Callable[..., Any]:
    """Run one try of a task whose YARN application succeeds."""
    extra = {"yarn_resourcemanager_webapp_address": resource_manager.address}
    spark_submit("works on YARN", master="yarn", **extra)
    resource_manager.finished = True
    return lambda **given: run(
        operator(deploy_mode="cluster", yarn_track_via_rm_api=True, **given), store=store
    )[1]


class WorkerGone(BaseException):
    """Simulates the end of the task's process."""


@pytest.fixture
def when_it_waits(monkeypatch) -> Callable[[Callable[[], Any]], None]:
    """Set a callback for when the provider waits between two polls of the application."""

    def install(action: Callable[[], Any]) -> None:
        clock = types.SimpleNamespace(sleep=lambda _: action())
        monkeypatch.setattr(spark_hook, "time", clock)

    return install


def die() -> None:
    raise WorkerGone


def test_a_try_with_another_identity_starts_its_own_application(durable, storage) -> None:
    """A try does not reconnect to an application with another identity, even if an earlier try had it."""
    for rows in (1, 2, 1):
        durable(objective_kwargs={"rows": rows})
        study = read_study(str(storage / RUN / "g0")).study
        assert study.spec.objective_kwargs == {"rows": rows}
        assert study.result_stands


def test_a_running_application_is_kept_after_a_change_of_limits(
    durable, resource_manager, when_it_waits, capsys
) -> None:
    """The result of a running application is delivered with its older limits, and a warning."""
    resource_manager.finished = False
    when_it_waits(die)
    with pytest.raises(WorkerGone):
        durable()
    when_it_waits(lambda: setattr(resource_manager, "finished", True))
    ti = durable(max_evals=5)
    assert ti.pushed["tuning_result"]["counts"]["ok"] == 3
    assert "with other limits; clear the task" in capsys.readouterr().out


def test_yarn_application_is_killed_after_a_reconnect(
    durable, operator, run, store, resource_manager, when_it_waits
) -> None:
    """A task that has reconnected to its application ends it when it is killed."""
    resource_manager.finished = False
    when_it_waits(die)
    with pytest.raises(WorkerGone):
        durable()
    task = operator(deploy_mode="cluster", yarn_track_via_rm_api=True, max_evals=5)
    when_it_waits(task.on_kill)
    with pytest.raises(DriverLost, match="KILLED"):
        run(task, store=store)
    assert resource_manager.killed == ["application_1_0001"]


def test_an_ended_application_is_not_kept(durable) -> None:
    """With a larger max_evals, the study continues."""
    durable()
    assert durable(max_evals=5).pushed["tuning_result"]["counts"]["ok"] == 5


def test_a_running_pod_is_kept_after_a_succeeded_one(
    operator, run, store, spark_submit, when_it_waits, monkeypatch
) -> None:
    """The provider's record of a succeeded pod does not apply to the next one."""
    status = types.SimpleNamespace(phase="Succeeded", container_statuses=None)
    client = types.SimpleNamespace(read_namespaced_pod=lambda *_: types.SimpleNamespace(status=status))
    kubernetes = types.SimpleNamespace(get_kube_client=lambda: client, ApiException=OSError)
    for module in (spark_hook, spark_operator):
        monkeypatch.setattr(module, "kube_client", kubernetes, raising=False)
    spark_submit("works on Kubernetes", master="k8s://https://cluster:443", namespace="tuning")

    def attempt(**given: Any) -> Any:
        task = operator(deploy_mode="cluster", track_driver_via_k8s_api=True, conf=UPLOADS, **given)
        return run(task, store=store)[1].pushed["tuning_result"]["counts"]["ok"]

    assert attempt() == 3
    status.phase = "Running"
    when_it_waits(die)
    with pytest.raises(WorkerGone):
        attempt(max_evals=5)
    when_it_waits(lambda: setattr(status, "phase", "Succeeded"))
    assert attempt(max_evals=7) == 5


@pytest.fixture
def killed_meanwhile(run) -> Callable[[SparkTuneOperator, str], None]:
    """Run a task, and kill it as soon as its hook has the name of the application in the cluster."""

    def kill_once_known(task: SparkTuneOperator, name: str) -> None:
        ended = threading.Event()

        def kill() -> None:
            while not ended.wait(0.01):
                if task._hook is not None and getattr(task._hook, name) is not None:
                    task.on_kill()
                    return

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            with pytest.raises(DriverLost):
                run(task)
        finally:
            ended.set()
            killer.join()
        assert task._hook._submit_sp.poll() is not None

    return kill_once_known


def program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


KILLED_IN = {
    "packing": (SubmitFiles, "pack"),
    "asking for the connection": (spark_operator.SparkSubmitOperator, "_get_hook"),
}


@pytest.mark.parametrize("meanwhile", ["packing", "asking for the connection"])
def test_a_task_killed_during_preparation_starts_nothing(
    operator, run, spark_submit, monkeypatch, meanwhile
) -> None:
    """Airflow calls on_kill in a signal handler, after which the task continues."""
    note = spark_submit("works")
    task = operator()
    owner, name = KILLED_IN[meanwhile]
    real = getattr(owner, name)

    def killed(*args: Any, **kwargs: Any) -> Any:
        task.on_kill()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, killed)
    with pytest.raises(DriverLost, match="was killed before that"):
        run(task)
    assert note() is None


def test_yarn_application_without_a_resource_manager(
    operator, spark_submit, killed_meanwhile, tmp_path
) -> None:
    """If the connection has no resource manager, the `yarn` command ends the application."""
    spark_submit("waits on YARN", master="yarn")
    said = tmp_path / "yarn.txt"
    program(tmp_path / "bin" / "yarn", f'echo "$@" >> "{said}"')
    killed_meanwhile(operator(deploy_mode="cluster", durable=False), "_yarn_application_id")
    assert said.read_text() == "application -kill application_1_0001\n"


def test_yarn_application_that_cannot_be_ended(
    operator, spark_submit, killed_meanwhile, tmp_path, monkeypatch, capsys
) -> None:
    """The log has its id and the missing program; spark-submit is still ended."""
    spark_submit("waits on YARN", master="yarn")
    program(tmp_path / "bin" / "java", "exit 0")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))  # no yarn in it
    killed_meanwhile(operator(deploy_mode="cluster", durable=False), "_yarn_application_id")
    assert "the YARN application application_1_0001 must be stopped by hand" in capsys.readouterr().out


def test_yarn_application_by_its_resource_manager(
    operator, spark_submit, killed_meanwhile, resource_manager
) -> None:
    """The task uses the connection's resource manager, even if it does not track the application there."""
    extra = {"yarn_resourcemanager_webapp_address": resource_manager.address}
    spark_submit("waits on YARN", master="yarn", **extra)
    killed_meanwhile(operator(deploy_mode="cluster", durable=False), "_yarn_application_id")
    assert resource_manager.killed == ["application_1_0001"]


def test_driver_pod_is_deleted(operator, spark_submit, killed_meanwhile, monkeypatch) -> None:
    """The provider deletes it while spark-submit is alive; then spark-submit is ended too."""
    deleted = []
    client = types.SimpleNamespace(delete_namespaced_pod=lambda pod, *_, **__: deleted.append(pod))
    kubernetes = types.SimpleNamespace(get_kube_client=lambda: client, ApiException=OSError)
    monkeypatch.setattr(spark_hook, "kube_client", kubernetes, raising=False)
    options = types.SimpleNamespace(V1DeleteOptions=dict)
    monkeypatch.setitem(sys.modules, "kubernetes", types.SimpleNamespace(client=options))
    spark_submit("waits on Kubernetes", master="k8s://https://cluster:443")
    killed_meanwhile(operator(deploy_mode="cluster", conf=UPLOADS), "_kubernetes_driver_pod")
    assert deleted == ["sparktune-1-driver"]


def test_kubernetes_without_its_provider(operator, run, spark_submit) -> None:
    """The error has the package to install."""
    spark_submit("works", master="k8s://https://cluster:443")
    with pytest.raises(AirflowFailException, match="pip install apache-airflow-providers-cncf-kubernetes"):
        run(operator())


def test_a_script_replaces_the_spec(operator, run, spark_submit, tmp_path) -> None:
    """A script beside the DAG runs under the launcher, with its arguments and its study's address."""
    note = spark_submit("dies early")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "search.py").write_text("")
    with pytest.raises(DriverLost):
        run(operator(application_args=["--rows", 5], **SCRIPT))
    line = note()["arguments"]
    assert line[line.index("--script") :] == ["--script", str(tmp_path / "dags" / "search.py"), "--rows", "5"]
    assert note()["conf"]["spark.sparktune.study"] == line[line.index("--study") + 1]


SCRIPT = {"objective": None, "space": None, "max_evals": None, "seed": None, "application": "search.py"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "m:f"}, "'search.py' together with objective; a script sets its own"),
        ({"timeout": 60, "parallelism": 2}, "'search.py' together with parallelism, timeout"),
        ({}, "application must be a file, got 'search.py' and found none of .*/dags/search.py"),
        ({"application": "", "application_args": ["--rows"]}, "application_args must go with an application"),
    ],
)
def test_scripts_that_cannot_be_run(operator, run, spark_submit, given, message) -> None:
    """Arguments that a script ignores and a missing file fail the task before it submits."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match=message):
        run(operator(**{**SCRIPT, **given}))
    assert note() is None


def test_nothing_to_run(run, storage) -> None:
    """The error says that an objective or a script is needed."""
    with pytest.raises(AirflowFailException, match="a spec must have objective, got none"):
        run(SparkTuneOperator(task_id="tune", storage=str(storage)))


@pytest.mark.parametrize(("storage", "warned"), [("/data", True), ("s3://bucket/studies", False)])
def test_local_storage_and_a_driver_in_the_cluster(caplog, storage, warned) -> None:
    """The task warns that the driver may not reach a folder of the worker."""
    warn_of_local_storage(f"{storage}/churn/tune/r1/g0", in_cluster=True)
    assert ("the driver runs in the cluster" in caplog.text) == warned
