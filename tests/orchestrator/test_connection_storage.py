"""A storage with an Airflow connection, whose credentials only Airflow's side has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune import connections, load_study
from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.storage import connections as opened_by
from airflow_sparktune.study.storage import open_storage
from tests.study.journal_samples import closed, opened, write
from tests.study.s3.conftest import BUCKET, proxy, s3_server  # noqa: F401 - fixtures
from tests.study.s3.faulty_proxy import FaultyProxy, Request

KEY, SECRET = "AKIALAKE", "secret-of-the-lake"
DRIVERS_KEY = "test"  # set in the environment by the fixture `proxy`


@pytest.fixture
def lake(proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:  # noqa: F811
    """Create the connection `lake`; yields the keys that have signed requests."""
    extra = {"endpoint_url": proxy.url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": KEY, "password": SECRET, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    seen: set[str] = set()

    def note(request: Request) -> None:
        seen.add(request.key)

    proxy.choose = note
    yield seen
    # The next test may use other keys.
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.mark.integration
def test_airflow_uses_the_connection_and_the_driver_its_own_credentials(
    operator, run, spark_submit, lake: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The command line, the settings, the study and the logs contain no secret of the connection."""
    note = spark_submit("works")
    storage = f"s3://lake@{BUCKET}/sparktune"
    write(open_storage(f"s3://{BUCKET}/other/g0"), 1, [opened(), closed()])
    lake.clear()
    best, ti = run(operator(storage=storage, warm_start=f"s3://lake@{BUCKET}/other/g0"))
    assert best == {"x": 0}
    assert lake == {KEY, DRIVERS_KEY}
    address = ti.pushed["study"]
    assert address.startswith(f"{storage}/churn/tune/")
    started = note()
    line = started["arguments"]
    plain = address.replace("lake@", "")
    assert line[line.index("--study") + 1] == plain
    files = fsspec.filesystem("s3")
    texts = [files.cat_file(path).decode() for path in files.find(plain)]
    assert len(texts) > 2
    settings = (json.dumps(started["conf"]), json.dumps(started["environment"]))
    for place in (*line, *settings, *texts, caplog.text):
        assert SECRET not in place
        assert KEY not in place
    assert all("lake@" not in text for text in texts)
    lake.clear()
    assert load_study(address).best is not None
    assert lake == {KEY}


@pytest.mark.integration
def test_a_tracker_opens_the_storage_by_the_same_connection(lake: set[str], tmp_path: Path) -> None:
    """The tracker is a separate process that gets its connections only by its environment."""
    open_storage(f"s3://{BUCKET}/tracked").write("airflow.json", b"no task")
    lake.clear()
    address = f"s3://lake@{BUCKET}/tracked"
    names = {name for name in os.environ if name.startswith(("AWS_", "AIRFLOW_CONN_"))}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    code = f"import sys; from airflow_sparktune.track import track; track({address!r}, wait=lambda s: True)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **environment,
            **connections.environment_of(address),
            "MLFLOW_TRACKING_URI": f"file:{tmp_path}",
            "MLFLOW_ALLOW_FILE_STORE": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "airflow.json must hold the fields of a task instance" in done.stderr
    assert lake == {KEY}


@pytest.mark.integration
def test_listings_are_not_cached(lake: set[str]) -> None:
    """Airflow's own file system would cache the listings."""
    connections.register()
    reader = open_storage(f"s3://lake@{BUCKET}/fresh")
    assert reader.names("") == []
    open_storage(f"s3://{BUCKET}/fresh").write("one", b"1")
    assert reader.names("") == ["one"]
    open_storage(f"s3://{BUCKET}/fresh").write("two", b"2")
    assert reader.names("") == ["one", "two"]


def test_a_missing_connection(operator, run, spark_submit) -> None:
    """The message has the command that creates the connection, and nothing is submitted."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match=r"got 'nowhere'; .*airflow connections add nowhere"):
        run(operator(storage="s3://nowhere@bucket/sparktune"))
    assert note() is None


def test_the_error_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file_system(scheme: str, conn_id: str) -> None:
        raise ValueError(f"No filesystem registered for scheme {scheme}")

    monkeypatch.setenv("AIRFLOW_CONN_LAKE", '{"conn_type": "aws"}')
    monkeypatch.setattr("airflow.sdk.io.get_fs", no_file_system)
    connections.register()
    with pytest.raises(StorageError, match=r"pip install 'airflow-sparktune\[s3\]'") as raised:
        open_storage("s3://lake@bucket/sparktune")
    assert not raised.value.retryable


def test_a_driver_has_no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the address to use in the driver."""
    monkeypatch.setattr(opened_by, "_opener", None)
    with pytest.raises(
        StorageError, match="use s3://bucket/sparktune here, with credentials in the environment"
    ):
        open_storage("s3://lake@bucket/sparktune")


@pytest.mark.parametrize("address", ["sftp://me@host/studies", "abfs://data@account.dfs.core.windows.net/x"])
def test_an_unrelated_at_sign_is_kept(address: str, tmp_path: Path) -> None:
    assert opened_by.without_connection(address) == address
    assert opened_by.opened(address) is None
