"""The note of a study: rights, bounds, two writers, and where it is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.app import create_app
from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.files.note import LONGEST, read_note, write_note
from airflow_sparktune.study.storage import LocalStorage, open_storage
from airflow_sparktune.study.storage.base import MOST_BYTES
from tests.dashboard.helpers.pages import RUN, TASK, as_it_is, client_of, everybody, nobody, somebody
from tests.dashboard.helpers.synthetic import Writer

SAME = {"Origin": "http://testserver", "Content-Type": "application/json"}


@pytest.fixture
def writer(address: str) -> Writer:
    writer = Writer(address)
    writer.open(objective_kwargs={"api_key": "s3cr3t-value"})
    writer.run(3)
    writer.close()
    return writer


def put(client: TestClient, text: str, *, replaces: int = 0, headers: dict[str, str] = SAME) -> Any:
    content = {"text": text, "replaces": replaces}
    return client.put(f"{RUN}/note", params={"generation": 0}, headers=headers, json=content)


def get(client: TestClient) -> Any:
    return client.get(f"{RUN}/note", params={"generation": 0}).json()


def test_a_note_is_shown_with_its_author(client: TestClient, writer: Writer) -> None:
    assert get(client) == {"number": 0, "text": "", "by": None, "at": None}

    answer = put(client, "Before the price change.\nDo not compare.")

    assert answer.status_code == 200
    assert answer.json() == get(client)
    assert (answer.json()["number"], answer.json()["by"]) == (1, "ada")
    assert get(client)["text"] == "Before the price change.\nDo not compare."
    (row,) = client.get(f"{TASK}/history").json()["runs"]
    assert row["note"] == "Before the price change.\nDo not compare."


def test_the_history_follows_the_notes_of_closed_studies(client: TestClient, writer: Writer) -> None:
    put(client, "one")
    client.get(f"{TASK}/history")
    put(client, "two", replaces=1)

    (row,) = client.get(f"{TASK}/history").json()["runs"]

    assert row["note"] == "two"
    put(client, "", replaces=2)
    (row,) = client.get(f"{TASK}/history").json()["runs"]
    assert row["note"] is None


def test_of_two_writers_the_second_learns_of_the_first(client: TestClient, writer: Writer) -> None:
    assert put(client, "mine").status_code == 200

    answer = put(client, "yours")

    assert answer.status_code == 409
    assert "someone else has written a note" in answer.json()["detail"]
    assert get(client)["text"] == "mine"


@pytest.mark.parametrize(("editor", "status"), [(nobody, 403), (somebody, 200)])
def test_a_user_who_may_only_read_may_not_write(
    tmp_path: Path, address: str, writer: Writer, editor: Callable[..., Any], status: int
) -> None:
    client = client_of(tmp_path, editor=editor)

    assert put(client, "mine").status_code == status
    assert client.get(f"{RUN}/note", params={"generation": 0}).status_code == 200
    assert (read_note(LocalStorage(address)) is not None) is (status == 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({**SAME, "Origin": "http://evil.example"}, 403), ({**SAME, "Content-Type": "text/plain"}, 415)],
)
def test_another_sites_page_writes_no_note(
    client: TestClient, address: str, writer: Writer, headers: dict[str, str], status: int
) -> None:
    assert put(client, "evil", headers=headers).status_code == status
    assert read_note(LocalStorage(address)) is None


def test_a_note_that_is_too_long_is_refused(client: TestClient, address: str, writer: Writer) -> None:
    answer = put(client, "x" * (LONGEST + 1))

    assert (answer.status_code, "at most 2000 characters" in answer.json()["detail"]) == (400, True)
    assert read_note(LocalStorage(address)) is None


def test_a_study_that_is_not_there_has_no_note(client: TestClient, writer: Writer) -> None:
    answer = client.get(f"{RUN}/note", params={"generation": 7})

    assert answer.status_code == 404


def test_a_note_that_cannot_be_read_hides_no_study(client: TestClient, address: str, writer: Writer) -> None:
    put(client, "one")
    os.truncate(f"{address}/notes/00000001.json", MOST_BYTES + 1)

    (row,) = client.get(f"{TASK}/history").json()["runs"]
    *rows, end = map(json.loads, client.get("/studies").text.splitlines())

    assert row["note"] == "This note cannot be read; the API server's log has the details."
    assert [each["last"]["note"] for each in rows if "last" in each] == [row["note"]]
    assert end["left_out"] == 0


def test_a_root_may_end_with_a_slash(tmp_path: Path) -> None:
    root = f"memory:/{tmp_path}/"
    address = study_address(root, dag_id="churn", task_id="tune", run_id="r1")
    Writer(address).open()
    write_note(open_storage(address), "one", replaces=0, by="ada", wall=lambda: 1.0)
    client = TestClient(create_app(StorageRoots((root,)), guard=everybody, editor=somebody, mask=as_it_is))

    (row,) = client.get(f"{TASK}/history").json()["runs"]

    assert row["note"] == "one"
