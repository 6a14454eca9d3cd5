"""The history of a task."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.pages import RUN, TASK
from tests.dashboard.helpers.synthetic import Writer


def tuning(root: Path, run: str, *, trials: int, begun: float, close: bool = True) -> None:
    writer = Writer(str(root / "churn" / "tune" / run / "g0"), seed=trials)
    writer.now += begun
    writer.open(max_evals=trials)
    writer.run(trials)
    if close:
        writer.close()


def test_the_latest_run_is_first_and_links_to_its_page(client: TestClient, tmp_path: Path) -> None:
    tuning(tmp_path, "scheduled__2026-01-01T00_00_00_00_00-1e8dc70c", trials=3, begun=0)
    tuning(tmp_path, "r1", trials=4, begun=10, close=False)
    tuning(tmp_path, "mapped/2", trials=5, begun=20)

    runs = client.get(f"{TASK}/history").json()["runs"]

    assert [(run["summary"]["trials"], run["map_index"], run["phase"]) for run in runs] == [
        (5, 2, "done"),
        (4, -1, "running"),
        (3, -1, "done"),
    ]
    by_folder = client.get(f"{TASK}/runs/{runs[2]['run_id']}/study").json()
    assert len(by_folder["columns"]["number"]) == 3


def test_a_closed_study_is_read_once(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning(tmp_path, "r1", trials=3, begun=0)
    client.get(f"{TASK}/history")
    reads: list[str] = []
    read = LocalStorage.read
    monkeypatch.setattr(LocalStorage, "read", lambda self, name: reads.append(name) or read(self, name))

    assert client.get(f"{TASK}/history").json()["runs"][0]["summary"]["trials"] == 3
    assert reads == []


def test_a_study_continued_after_its_end_is_read_again(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.close("killed")
    assert client.get(f"{TASK}/history").json()["runs"][0]["phase"] == "killed"

    Writer(address, attempt=2).open(takes=[[writer.stream.stream, writer.stream.events]])

    assert client.get(f"{TASK}/history").json()["runs"][0]["phase"] == "starting"


def test_a_task_without_tunings_has_an_empty_history(client: TestClient) -> None:
    assert client.get(f"{TASK}/history").json()["runs"] == []


def test_the_importance_or_the_reason_for_its_absence_is_given(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.run(5)
    few = client.get(f"{RUN}/importance", params={"generation": 0}).json()
    writer.run(40, first=5)
    many = client.get(f"{RUN}/importance", params={"generation": 0}).json()

    assert few["shares"] == []
    assert "20 successful" in few["message"]
    shares = {each["name"]: each for each in many["shares"]}
    assert set(shares) == {"lr", "depth", "booster"}
    (branch,) = shares["booster"]["branches"]
    assert branch["option"] == "linear"  # as everywhere on the page
    assert 0 < branch["trials"] < 20
    assert branch["shares"] == []
