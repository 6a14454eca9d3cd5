"""What each launcher submits, as plain data without a cluster."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.launcher import launcher_to
from airflow_sparktune.orchestrator.deploy.spark_conf import REDACTION, read_properties, write_properties
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.user_code import UserCode
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.file import spec_sha256
from airflow_sparktune.study.files.code import zipped
from airflow_sparktune.version import __version__

SPEC = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=3)


class Idle:
    """A provider that submits nothing."""

    pid = None

    def submit(self, submission: Submission, start: Callable[[], None]) -> None:
        """Start nothing."""

    def end_in_cluster(self) -> None:
        """End nothing."""


@pytest.fixture
def spark_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a Spark installation; this machine's settings are unset."""
    for name in ("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_LOCAL_IP", "SPARK_PUBLIC_DNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "spark" / "conf").mkdir(parents=True)
    return tmp_path / "spark"


@pytest.fixture
def submission(spark_home: Path, tmp_path: Path) -> Callable[..., Submission]:
    """Return the submission of a job to a master."""

    def make(
        master: str = "local[2]", deploy_mode: str | None = None, *, job: Job | None = None, **given: Any
    ) -> Submission:
        install = SparkInstall({"PATH": "/spark/bin"}, spark_home)
        target = Target(master=master, deploy_mode=deploy_mode, install=install, **given)
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        return launcher_to(target, provider=Idle()).submission(
            job or Job(address="/studies/s", spec=SPEC), folder
        )

    return make


def test_the_driver_gets_the_hash_of_its_spec_by_its_command_line(
    submission: Callable[..., Submission],
) -> None:
    """In both modes, users who may write to the study folder cannot choose what is run."""
    for where in (("local[2]", None), ("yarn", "cluster")):
        arguments = submission(*where).arguments
        assert arguments[arguments.index("--spec-sha256") + 1] == spec_sha256(SPEC)


@pytest.mark.parametrize(
    ("master", "mode", "closed"),
    [("local[2]", None, True), ("spark://m:7077", None, False), ("yarn", "cluster", False)],
)
def test_a_local_driver_is_reached_from_its_machine_only(
    submission: Callable[..., Submission], master: str, mode: str | None, closed: bool
) -> None:
    """RPC, block manager and UI bind to loopback if no executors run elsewhere."""
    made = submission(master, mode)
    found = [made.conf.get("spark.driver.host"), made.conf.get("spark.driver.bindAddress")]
    found.append(made.environment.get("SPARK_LOCAL_IP"))
    assert found == ["127.0.0.1" if closed else None] * 3
    assert made.conf["spark.ui.killEnabled"] == "false"


def test_on_kubernetes_the_image_has_the_launcher_and_the_study_the_code(
    submission: Callable[..., Submission],
) -> None:
    """Spark sends no files there. The driver gets the hash of the code, and the release of the submitter."""
    job = Job(address="/studies/s", spec=SPEC, code=UserCode({"m.py": b"x = 1"}))
    made = submission("k8s://https://cluster:443", "cluster", job=job)
    assert made.application == "local:///opt/spark/launch/sparktune_launcher.py"
    assert (made.py_files, "--py-files" in made.command) == ((), False)
    assert made.code == zipped({"m.py": b"x = 1"})
    options = dict(zip(made.arguments[::2], made.arguments[1::2], strict=True))
    assert options == {
        "--release": __version__,
        "--study": "/studies/s",
        "--spec-sha256": spec_sha256(SPEC),
        "--code-sha256": hashlib.sha256(made.code).hexdigest(),
    }


def test_a_script_on_kubernetes_is_sent_by_the_study(
    submission: Callable[..., Submission], tmp_path: Path
) -> None:
    """A script of this machine, with what it imports; one in the image is the application."""
    (tmp_path / "search.py").write_text("import m")
    job = Job(address="/s", script=(str(tmp_path / "search.py"), "--rows", "5"), code=UserCode({"m.py": b""}))
    made = submission("k8s://https://cluster:443", "cluster", job=job)
    assert made.application == "local:///opt/spark/launch/sparktune_launcher.py"
    assert made.arguments[-4:] == ("--script", "search.py", "--rows", "5")
    assert made.code == zipped({"search.py": b"import m", "m.py": b""})
    there = Job(address="/s", script=("local:///app/search.py", "5"))
    made = submission("k8s://https://cluster:443", "cluster", job=there)
    assert (made.application, made.arguments, made.code) == ("local:///app/search.py", ("5",), None)


def test_an_upload_path_on_kubernetes_is_used(
    submission: Callable[..., Submission], spark_home: Path
) -> None:
    """Spark then sends the files, in cluster mode as in client mode; spark-defaults.conf may name it."""
    assert submission("k8s://https://cluster:443", "client").py_files
    named = "spark.kubernetes.file.upload.path"
    given = submission("k8s://https://cluster:443", "cluster", conf={named: "s3a://bucket/up"})
    assert (given.conf[named], given.code) == ("s3a://bucket/up", None)
    assert given.py_files[0].endswith("/airflow_sparktune.zip")
    (spark_home / "conf" / "spark-defaults.conf").write_text(f"{named} hdfs:///uploads\n")
    assert submission("k8s://https://cluster:443", "cluster").py_files


def test_py_files_of_this_machine_need_an_upload_path(submission: Callable[..., Submission]) -> None:
    """Spark would fail with a stack trace; those in the image and at URLs need none."""
    with pytest.raises(PlatformError, match=r"got /lib/a\.zip, file:///lib/b\.py; or set spark\.kubern"):
        submission("k8s://https://c:443", "cluster", py_files="/lib/a.zip, local:///c.zip, file:///lib/b.py")
    made = submission("k8s://https://c:443", "cluster", py_files="local:///c.zip,s3a://bucket/d.zip")
    assert made.py_files == ("local:///c.zip", "s3a://bucket/d.zip")


def test_the_ui_can_be_opened(submission: Callable[..., Submission]) -> None:
    """`open_ui` opens the UI, but not RPC and block manager."""
    made = submission(job=Job(address="/s", spec=SPEC, open_ui=True))
    assert "SPARK_LOCAL_IP" not in made.environment
    assert made.conf["spark.driver.bindAddress"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("master", "conf", "authenticates"),
    [
        ("yarn", {}, "true"),
        ("k8s://https://cluster:443", {}, "true"),
        ("yarn", {"spark.authenticate": "false"}, "false"),
        ("yarn", {"spark.shuffle.service.enabled": "true"}, None),
        ("spark://m:7077", {}, None),
        ("local[2]", {}, None),
    ],
)
def test_where_spark_makes_the_secret_its_processes_authenticate(
    submission: Callable[..., Submission], master: str, conf: dict[str, str], authenticates: str | None
) -> None:
    """On other masters, the cluster's owner must configure the secret."""
    assert submission(master, conf=conf).conf.get("spark.authenticate") == authenticates


def test_whose_setting_wins(submission: Callable[..., Submission], spark_home: Path, tmp_path: Path) -> None:
    """Precedence: task's conf, user's file, required settings, spark-defaults.conf, suggested settings."""
    (spark_home / "conf" / "spark-defaults.conf").write_text(
        "spark.a defaults\nspark.b defaults\nspark.c=defaults\nnot.sparks x\n"
        "spark.local.dir /defaults\nspark.ui.killEnabled true\n"
    )
    own = tmp_path / "own.conf"
    own.write_text("# theirs\nspark.b   own file  \nspark.c: own\nspark.pyspark.python /own/python\n")
    conf = submission(conf={"spark.c": True}, properties_file=own).conf
    assert [conf["spark.a"], conf["spark.b"], conf["spark.c"]] == ["defaults", "own file", "True"]
    assert conf["spark.local.dir"].endswith("/scratch")
    assert conf["spark.ui.killEnabled"] == "true"
    assert conf["spark.pyspark.python"] == "/own/python"
    assert "not.sparks" not in conf


def test_the_folder_of_sparks_defaults_can_be_named(
    submission: Callable[..., Submission], spark_home: Path, tmp_path: Path
) -> None:
    """SPARK_CONF_DIR is used as in spark-submit, also if the task sets it."""
    (spark_home / "conf" / "spark-defaults.conf").write_text("spark.a home\n")
    (tmp_path / "spark-defaults.conf").write_text("spark.a named\n")
    assert submission().conf["spark.a"] == "home"
    assert submission(env_vars={"SPARK_CONF_DIR": str(tmp_path)}).conf["spark.a"] == "named"


def test_environment_of_a_driver_in_the_cluster(submission: Callable[..., Submission]) -> None:
    """The environment of a driver in the cluster is passed by Spark settings."""
    env_vars = {"DB_PW": "hunter2"}
    on_yarn = submission("yarn", "cluster", env_vars=env_vars).conf
    assert on_yarn["spark.yarn.appMasterEnv.DB_PW"] == "hunter2"
    uploads = {"spark.kubernetes.file.upload.path": "s3a://bucket/up"}
    on_kubernetes = submission("k8s://https://c:443", "cluster", conf=uploads, env_vars=env_vars).conf
    assert on_kubernetes["spark.kubernetes.driverEnv.DB_PW"] == "hunter2"


def test_no_setting_is_on_the_command_line(submission: Callable[..., Submission]) -> None:
    """The shell's spark-submit gets the settings in a file, as Airflow's does."""
    made = submission(conf={"spark.executorEnv.DB_PW": "hunter2"})
    line = made.command
    assert line[:5] == ["spark-submit", "--master", "local[2]", "--properties-file", str(made.properties)]
    assert "--conf" not in line
    assert "hunter2" not in " ".join(line)


def test_a_script_in_the_cluster_is_the_application(submission: Callable[..., Submission]) -> None:
    """Without the launcher, the script gets its study by a setting."""
    job = Job(address="s3://b/s", script=("s3://b/search.py", "--rows", "5"))
    made = submission("yarn", "cluster", job=job)
    assert (made.application, made.arguments) == ("s3://b/search.py", ("--rows", "5"))
    assert made.conf["spark.sparktune.study"] == "s3://b/s"
    # A path in a container of YARN is longer than that of a socket may be.
    assert "spark.python.unix.domain.socket.enabled" not in made.conf


def test_what_a_retry_reconnects_to(submission: Callable[..., Submission]) -> None:
    """A retry reconnects to a driver in the cluster with the same identity, never to a local driver."""
    job = Job(address="/s/g2", spec=SPEC)
    cluster = {"master": "yarn", "deploy_mode": "cluster"}
    assert submission(**cluster, job=job).reconnection == f"g2_{SPEC.identity}"
    script = Job(address="/s/g0", script=("a.py",))
    assert submission(**cluster, job=script).reconnection == "g0_script"
    assert submission("yarn", "client", job=job).reconnection is None


def test_cluster_mode_on_a_standalone_master(spark_home: Path) -> None:
    """Spark does not support it for Python."""
    target = Target(master="spark://m:7077", deploy_mode="cluster", install=SparkInstall({}, spark_home))
    with pytest.raises(PlatformError, match="needs deploy mode 'client' on a standalone master"):
        launcher_to(target)


def test_cluster_mode_without_airflow(spark_home: Path) -> None:
    """Nobody would follow the driver."""
    target = Target(master="yarn", deploy_mode="cluster", install=SparkInstall({}, spark_home))
    with pytest.raises(PlatformError, match=r"'cluster' needs Airflow, .* use deploy mode 'client'"):
        launcher_to(target)


# --- the file of settings


@pytest.mark.parametrize("value", ["", "a b", "x=y:z#!", "C:\\data", "päss", "line\none", "{{ x }}"])
def test_a_setting_comes_back_as_it_was(tmp_path: Path, value: str) -> None:
    """Values are escaped in the file, and only the user may read it."""
    file = tmp_path / "spark.properties"
    write_properties(file, {"spark.x": value, "spark.y": "1"})
    assert read_properties(file) == {"spark.x": value, "spark.y": "1"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_properties_file_that_is_not_there(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(PlatformError, match=r"properties file .*none\.conf must be readable, but: .*No such"):
        read_properties(tmp_path / "none.conf")


SECRET = (
    "DB_PW DB_PASS DATABASE_PASSWORD AWS_SECRET_ACCESS_KEY GITHUB_TOKEN API_KEY apiKey db.credentials "
    "PGPASSWORD DB_DSN PASSPHRASE private.key MYSQL_PWD fs.azure.account.key.ann.dfs.core.windows.net "
    "fs.azure.sas.box.ann.blob.core.windows.net fs.s3a.encryption.key"
)
SHOWN = (
    "spark.executor.memory spark.app.name spark.executorEnv.PATH spark.executorEnv.OMP_NUM_THREADS "
    "spark.kubernetes.authenticate.driver.serviceAccountName spark.submit.pyFiles spark.executorEnv.COMPASS "
    "spark.io.encryption.keySizeBits"
)


@pytest.mark.parametrize("name", SECRET.split())
def test_settings_that_hold_secrets_are_redacted(name: str) -> None:
    """Spark's UI and event log hide settings whose names suggest secrets."""
    assert re.search(REDACTION, f"spark.executorEnv.{name}")


@pytest.mark.parametrize("setting", SHOWN.split())
def test_others_are_shown(setting: str) -> None:
    """Settings without secrets remain visible for debugging."""
    assert not re.search(REDACTION, setting)
