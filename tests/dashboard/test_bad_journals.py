"""A journal that no driver wrote affects only its own row, or shows a message; it never causes a 500."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.journal.events import Opened
from airflow_sparktune.study.record.champions import Action, Champions
from airflow_sparktune.study.storage import LocalStorage
from airflow_sparktune.study.study import Study
from tests.dashboard.helpers.pages import RUN, TASK
from tests.dashboard.helpers.synthetic import Writer

DIGITS = "1" * 400


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def surrogate(line: str) -> str:
    return line.replace("matrix is singular", "row \\udcff")


def write_changed(address: str, *changes: tuple[str, str]) -> None:
    """Write a study, and change the text of its journal."""
    writer = Writer(address)
    writer.open()
    writer.run(6)
    writer.close()
    for path in Path(address).rglob("*.jsonl"):
        text = path.read_text()
        for old, new in changes:
            text = text.replace(old, new)
        path.write_text(text)


BAD: dict[str, tuple[str, str]] = {
    "a lone surrogate in a message": ("matrix is singular", "row \\udcff"),
    "an empty message": ("ValueError: matrix is singular", ""),
    "a number of 400 digits": ('"run_s":0.25', f'"run_s":{DIGITS}'),
    "a huge loss": ('"state":"ok","loss":0.', f'"state":"ok","loss":{DIGITS}.'),
    "400 digits as slots": ('"slots":4', f'"slots":{DIGITS}'),
    "deep arguments": (
        '"objective":"churn.train:loss"',
        f'"objective":"a:b","objective_kwargs":{nested(600)}',
    ),
    "text in a point": ('"lr":0.', '"lr":"x","y":0.'),
    "a number as options": ('"options":["gbtree"', '"options":5,"other":["gbtree"'),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_nothing_in_a_journal_makes_the_page_answer_500(
    client: TestClient, address: str, change: tuple[str, str]
) -> None:
    write_changed(address, change)
    client = TestClient(client.app, raise_server_exceptions=False)

    for path in ("study", "trials/4?generation=0", "importance?generation=0", "report?generation=0"):
        assert client.get(f"{RUN}/{path}").status_code in (200, 404, 422), path
    assert client.get(f"{TASK}/history").status_code == 200


@pytest.mark.parametrize("ui", ["http://[x", "javascript:alert(1)", 7])
def test_an_invalid_address_of_spark_is_not_a_link(client: TestClient, address: str, ui: Any) -> None:
    writer = Writer(address)
    writer.open()
    writer.write(event="spark", spark={"ui": ui})

    answer = client.get(f"{RUN}/study")

    assert [attempt["spark_ui"] for attempt in answer.json()["attempts"]] == [None]


def test_a_lone_surrogate_reaches_the_page_as_a_question_mark(client: TestClient, address: str) -> None:
    write_changed(address, BAD["a lone surrogate in a message"])

    failure = json.loads(client.get(f"{RUN}/study").text)["columns"]["failure"]["4"]

    assert failure == "ValueError: row ?"


def test_an_unreadable_folder_affects_only_its_row_of_the_history(
    client: TestClient, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a run's folder nor the record of a segment hides the other ones."""
    for run in ("r1", "r2"):
        writer = Writer(address.replace("/r1/", f"/{run}/"))
        writer.open()
        writer.run(3)
        writer.close()
    task = tmp_path / "churn" / "tune"
    for segment in ("de", "fr"):
        Champions(str(task), segment).add(Action.FIRST, cause="r1", at=1.0, params={"x": 1}, reason="first")
    closed_record = Path(Champions(str(task), "fr").address)
    names, open_one = LocalStorage.names, os.open

    def refuse(storage: LocalStorage, folder: str) -> list[str]:
        if storage._root / folder == closed_record:
            raise StorageError("the study folder must be readable, got Permission denied")
        return names(storage, folder)

    def refuse_to_open(path: Any, *given: Any, **named: Any) -> int:
        if path == "r2":
            raise PermissionError(13, "Permission denied", path)
        return open_one(path, *given, **named)

    monkeypatch.setattr(LocalStorage, "names", refuse)
    monkeypatch.setattr(os, "open", refuse_to_open)

    reply = client.get(f"{TASK}/history").json()

    rows = {row["run_id"]: row for row in reply["runs"]}
    assert rows["r1"]["summary"]["trials"] == 3
    assert "cannot be read" in rows["r2"]["problem"]
    records = {row["segment"]: row for row in reply["champions"]}
    assert len(records["de"]["entries"]) == 1
    assert "cannot be read" in records["fr"]["problem"]


def test_a_damaged_run_affects_only_its_row_of_the_history(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run, max_evals in (("r1", 20), ("r2", 7)):
        writer = Writer(address.replace("/r1/", f"/{run}/"))
        writer.open(max_evals=max_evals)
        writer.run(3)
        writer.close()
    apply = Study.apply

    def one_fails(study: Study, event: Any) -> None:
        if isinstance(event, Opened) and event.spec.max_evals == 7:
            raise OverflowError("int too large to convert to float")
        apply(study, event)

    monkeypatch.setattr(Study, "apply", one_fails)

    rows = {row["run_id"]: row for row in client.get(f"{TASK}/history").json()["runs"]}

    assert rows["r1"]["summary"]["trials"] == 3
    assert "cannot be read" in rows["r2"]["problem"]
