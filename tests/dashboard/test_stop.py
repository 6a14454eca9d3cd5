"""Stopping a study from the page: access, origin, and the request that is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.pages import RUN, client_of, nobody, somebody
from tests.dashboard.helpers.synthetic import Writer

SAME = {"Origin": "http://testserver", "Content-Type": "application/json"}


@pytest.fixture
def writer(address: str) -> Writer:
    writer = Writer(address)
    writer.open()
    writer.run(3)
    return writer


def put(client: TestClient, headers: dict[str, str] = SAME, **query: Any) -> Any:
    return client.put(f"{RUN}/stop", params={"generation": 0, **query}, headers=headers, content="{}")


def test_the_driver_gets_the_name_of_the_user(client: TestClient, address: str, writer: Writer) -> None:
    answer = put(client)

    assert (answer.status_code, "keeps the best" in answer.json()["message"]) == (200, True)
    found = stop_requested(LocalStorage(address), attempt=1)
    assert found is not None
    assert found.by == "ada"


def test_a_users_name_forges_no_line_of_the_log(
    tmp_path: Path, address: str, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client = client_of(tmp_path, editor=lambda: "ada\n2026-01-01 ERROR \x1b[2J")

    assert put(client).status_code == 200
    (record,) = [each for each in caplog.records if "asked to stop" in each.message]
    assert record.message.isprintable()
    found = stop_requested(LocalStorage(address), attempt=1)
    assert found is not None
    assert found.by == "ada 2026-01-01 ERROR [2J"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**SAME, "Origin": "http://evil.example"}, 403),
        ({**SAME, "Origin": "http://testserver.evil.example"}, 403),
        ({**SAME, "Origin": "null"}, 403),
        ({"Content-Type": "application/json"}, 403),
        ({**SAME, "Content-Type": "text/plain"}, 415),
        ({**SAME, "Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_requests_from_another_site_are_rejected(
    client: TestClient, address: str, writer: Writer, headers: dict[str, str], status: int
) -> None:
    assert put(client, headers).status_code == status
    assert stop_requested(LocalStorage(address), attempt=1) is None


@pytest.mark.parametrize(("editor", "status"), [(nobody, 403), (somebody, 200)])
def test_a_user_who_may_only_read_may_not_stop(
    tmp_path: Path, address: str, writer: Writer, editor: Callable[..., Any], status: int
) -> None:
    client = client_of(tmp_path, editor=editor)

    assert client.get(f"{RUN}/study").status_code == 200
    assert client.get(f"{RUN}/stop").status_code == status
    assert put(client).status_code == status
    assert (stop_requested(LocalStorage(address), attempt=1) is not None) is (status == 200)


def test_a_request_without_a_dag_is_rejected(client: TestClient) -> None:
    answer = client.put(
        "/dags/~/tasks/tune/runs/r1/stop", params={"generation": 0}, headers=SAME, content=json.dumps({})
    )

    assert answer.status_code == 400


def test_a_study_that_has_ended_cannot_be_stopped(client: TestClient, writer: Writer) -> None:
    writer.close()

    answer = put(client)

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "Only a running study can be stopped; this one is done.",
    )
    assert put(client, generation=7).status_code == 404


def test_a_lost_study_cannot_be_stopped(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.now = 1000.0
    writer.open()
    writer.run(1)

    answer = put(client)

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "Only a running study can be stopped; this one is lost, its driver died.",
    )
    assert stop_requested(LocalStorage(address), attempt=1) is None


def test_a_folder_without_write_permission_is_reported(
    client: TestClient, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_sparktune.errors import StorageError

    def refuse(*_: object) -> None:
        raise StorageError("the study folder must be writable")

    monkeypatch.setattr(LocalStorage, "write", refuse)

    answer = put(client)

    assert answer.status_code == 409
    assert "sparktune stop" in answer.json()["detail"]
