"""The browser of all studies: its rows, and whose they are."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.browse import routes
from airflow_sparktune.dashboard.browse.attention import Patience
from airflow_sparktune.dashboard.browse.routes import Browser
from airflow_sparktune.dashboard.browse.tasks import MOST_RECENT
from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.dashboard.study_list import StudyList
from airflow_sparktune.orchestrator.after import pack_rows
from airflow_sparktune.study.files.airflow_task import AirflowTask, write_task
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.record.champions import Action, Champions
from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.pages import Granted, as_it_is, client_of
from tests.dashboard.helpers.segmented import application, segment
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer

DAY_S = 86_400.0


def tuning(
    root: Path,
    dag_id: str,
    run: str = "r1",
    *,
    trials: int = 3,
    ago_s: float = 60,
    close: str | None = "max_evals",
    **opened: Any,
) -> Writer:
    writer = Writer(str(root / dag_id / "tune" / run / "g0"))
    writer.now = time.time() - ago_s
    writer.open(max_evals=trials, **opened)
    writer.run(trials)
    if close is not None:
        writer.close(close)
    return writer


def lines_of(client: TestClient, **given: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows, sorted, and the last line."""
    answer = client.get("/studies", params=given)
    assert answer.headers["content-type"] == "application/x-ndjson"
    *rows, end = map(json.loads, answer.text.splitlines())
    assert end["end"]
    rows = [row for row in rows if "reading" not in row]
    return sorted(rows, key=lambda row: (row["dag_id"], row["segment"] or "", row["map_index"])), end


def rows_of(client: TestClient, **given: int) -> list[dict[str, Any]]:
    return lines_of(client, **given)[0]


def add(root: Path, action: Action, *, days_ago: float, dag_id: str = "churn", **facts: Any) -> None:
    champions = Champions(str(root / dag_id / "tune"), facts.pop("segment", None))
    at = time.time() - days_ago * DAY_S
    facts = {"params": {"x": 1}, "reason": f"{action.value} it", **facts}
    champions.add(action, cause=f"{action} {days_ago}", at=at, **facts)


def test_each_task_has_a_row_with_its_last_study(client: TestClient, tmp_path: Path) -> None:
    tuning(tmp_path, "churn", "r1", trials=3, ago_s=100)
    tuning(tmp_path, "churn", "r2", trials=4)
    tuning(tmp_path, "fraud", trials=5)

    rows = rows_of(client)

    assert [(row["dag_id"], row["task_id"], row["studies"]) for row in rows] == [
        ("churn", "tune", 2),
        ("fraud", "tune", 1),
    ]
    assert [(row["last"]["run_id"], row["last"]["trials"]) for row in rows] == [("r2", 4), ("r1", 5)]
    assert [study["run_id"] for study in rows[0]["recent"]] == ["r1", "r2"]
    assert rows[0]["last"]["texts"]["best params"].startswith("lr=")


def test_only_dags_whose_task_instances_the_user_may_read_are_shown(tmp_path: Path) -> None:
    for dag_id in ("churn", "fraud", "secret"):
        tuning(tmp_path, dag_id)

    client = client_of(tmp_path, rights=lambda: Granted({"churn", "fraud"}, without_instances={"fraud"}))

    assert [row["dag_id"] for row in rows_of(client)] == ["churn"]


def test_a_study_of_a_deleted_dag_is_not_shown(tmp_path: Path) -> None:
    tuning(tmp_path, "deleted")

    assert rows_of(client_of(tmp_path, rights=lambda: Granted({"churn"}))) == []


def test_no_file_says_which_dag_a_folder_belongs_to(tmp_path: Path) -> None:
    """A task that writes another DAG's id into its study stays in the rows of its own DAG, or in none."""
    writer = tuning(tmp_path, "secret")
    task = AirflowTask(dag_id="churn", task_id="tune", run_id="r1")
    write_task(str(tmp_path / "secret" / "tune" / "r1" / "g0"), task)
    pack_rows(str(tmp_path / "secret" / "tune"))

    assert writer.stream.events
    assert rows_of(client_of(tmp_path, rights=lambda: Granted({"churn"}))) == []


def test_a_mapped_task_has_a_row_for_each_map_index(client: TestClient, tmp_path: Path) -> None:
    for run in ("r1", "r2"):
        for index in (0, 1):
            tuning(tmp_path, "churn", f"{run}/{index}", trials=3 + index)

    rows = rows_of(client)

    assert [(row["map_index"], row["studies"], row["last"]["trials"]) for row in rows] == [
        (0, 2, 3),
        (1, 2, 4),
    ]


def test_a_segment_has_one_row_with_its_champion_whatever_its_map_index(
    client: TestClient, tmp_path: Path
) -> None:
    tuning(tmp_path, "churn", "r1/0", segment="north", ago_s=100)
    tuning(tmp_path, "churn", "r1/1", segment="south")
    tuning(tmp_path, "churn", "r2/1", segment="north")
    task = tmp_path / "churn" / "tune"
    add(tmp_path, Action.FIRST, days_ago=1, segment="north", study=f"{task}/r1/0/g0", by="ada", loss=0.5)

    rows = rows_of(client)

    assert [(row["segment"], row["map_index"], row["studies"]) for row in rows] == [
        ("north", 1, 2),
        ("south", 1, 1),
    ]
    champion = rows[0]["champion"]
    assert (champion["entry"], champion["kind"], champion["by"], champion["study"]) == (
        1,
        "first",
        "ada",
        "r1",
    )
    assert rows[1]["champion"] is None


def test_segments_that_share_an_application_have_one_row_that_names_those_in_need(
    client: TestClient, tmp_path: Path
) -> None:
    for run, week in (("r1", 8), ("r2", 0)):
        address = str(tmp_path / "churn" / "tune" / run / "g0")
        application(address, ("north", "south", "west"))
        for name in ("north", "south", "west"):
            failed = (run, name) == ("r2", "south")
            error = {"error": {"type": "E", "message": "no data"}} if failed else {}
            close = "error" if failed else "max_evals"
            segment(address, name, begun_s=-week * DAY_S, close=close, **error)
    tuning(tmp_path, "fraud")

    row, other = rows_of(client)

    assert (row["segment"], row["segments"], row["studies"], other["segments"]) == (None, 3, 2, None)
    assert (row["last"]["run_id"], row["last"]["phase"], row["last"]["trials"]) == ("r2", "failed", 15)
    assert row["last"]["texts"] == {"ended": "1 failed, 2 done"}
    assert [study["run_id"] for study in row["recent"]] == ["r1", "r2"]
    assert [(each["kind"], each["text"]) for each in row["attention"]] == [
        ("failed", "1 of 3 segments have no result: south")
    ]
    assert row["week_slot_hours"] == pytest.approx(row["last"]["slot_hours"])


def test_a_winner_of_a_segment_that_waits_has_not_changed_production(
    client: TestClient, tmp_path: Path
) -> None:
    address = str(tmp_path / "churn" / "tune" / "r1" / "g0")
    application(address, ("north", "south"))
    for name in ("north", "south"):
        writer = segment(address, name, close=None)
        decision = {"decision": "first", "reason": "there was none", "params": {"x": 1}, "number": 0}
        writer.write(event="decided", decision=decision)
        writer.close()
    add(tmp_path, Action.PROPOSED, days_ago=0, segment="north")
    add(tmp_path, Action.PROPOSED, days_ago=0, segment="south")
    add(tmp_path, Action.PROMOTED, days_ago=0, segment="south")

    (row,) = rows_of(client)

    assert [each["text"] for each in row["attention"]] == ["1 of 2 segments wait for promotion: north"]
    assert row["champion"]["params"] == "of 1 segment"


def test_what_needs_a_person_is_said(client: TestClient, tmp_path: Path) -> None:
    tuning(tmp_path, "failed", close="error")
    tuning(tmp_path, "lost", close=None, ago_s=3_600)
    tuning(tmp_path, "runs", close=None)
    for dag_id in ("approval", "old", "kept", "fine"):
        tuning(tmp_path, dag_id)
        add(tmp_path, Action.FIRST, days_ago=40, dag_id=dag_id)
    add(tmp_path, Action.PROPOSED, days_ago=2, dag_id="approval", reason="better by 3 %")
    for dag_id, times in (("approval", 1), ("kept", 8), ("fine", 7)):
        for number in range(times):
            add(tmp_path, Action.KEPT, days_ago=30 - number, dag_id=dag_id)
    add(tmp_path, Action.PROPOSED, days_ago=1, dag_id="approval", reason="better by 4 %")

    found = {
        row["dag_id"]: {each["kind"]: each["text"] for each in row["attention"]} for row in rows_of(client)
    }

    assert {dag_id: list(kinds) for dag_id, kinds in found.items()} == {
        "failed": ["failed"],
        "lost": ["lost"],
        "runs": [],
        "approval": ["approval"],
        "old": ["old"],
        "kept": ["kept"],
        "fine": [],
    }
    assert "better by 4 %" in found["approval"]["approval"]
    assert "40 days" in found["old"]["old"]
    assert "8 times" in found["kept"]["kept"]


def test_how_long_is_too_long_is_in_the_address(client: TestClient, tmp_path: Path) -> None:
    tuning(tmp_path, "churn")
    add(tmp_path, Action.FIRST, days_ago=10)
    add(tmp_path, Action.KEPT, days_ago=9)

    (row,) = rows_of(client, old_days=8, kept=1)

    assert [each["kind"] for each in row["attention"]] == ["old", "kept"]
    assert client.get("/studies?old_days=0").status_code == 422


def test_running_and_lost_are_told_by_the_time_and_not_by_the_pack(
    client: TestClient, tmp_path: Path
) -> None:
    tuning(tmp_path, "lost", close=None, ago_s=3_600)
    tuning(tmp_path, "runs", close=None)
    for dag_id in ("lost", "runs"):
        pack_rows(str(tmp_path / dag_id / "tune"))

    rows = rows_of(client)

    assert [row["last"]["phase"] for row in rows] == ["lost", "running"]
    assert rows[0]["last"]["texts"]["state"] == "lost, its driver died"


def test_a_task_whose_record_cannot_be_read_keeps_its_row(client: TestClient, tmp_path: Path) -> None:
    tuning(tmp_path, "churn")
    add(tmp_path, Action.FIRST, days_ago=1)
    LocalStorage(tmp_path / "churn" / "tune").write("@champions/all/00000002.json", b"{")

    rows, end = lines_of(client)

    assert [(row["dag_id"], row["champion"]) for row in rows] == [("churn", None)]
    assert "record of champions of churn.tune" in end["problems"][0]
    assert str(tmp_path) not in json.dumps(end)


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let reads of the journals of the DAG `slow` hang until the event is set."""
    go_on = threading.Event()
    read = LocalStorage.read

    def hanging(self: LocalStorage, name: str) -> bytes:
        if name.startswith("slow/") and name.endswith(".jsonl"):
            go_on.wait(60)
        return read(self, name)

    monkeypatch.setattr(LocalStorage, "read", hanging)
    yield go_on
    go_on.set()


def test_known_rows_come_first_and_a_slow_study_keeps_none_of_them(
    tmp_path: Path, stuck: threading.Event
) -> None:
    import httpx

    for dag_id in ("a", "slow", "z"):
        tuning(tmp_path, dag_id)
    for dag_id in ("a", "z"):
        pack_rows(str(tmp_path / dag_id / "tune"))

    with (
        served(client_of(tmp_path).app) as url,  # type: ignore[arg-type]
        httpx.stream("GET", f"{url}/studies", timeout=60) as answer,
    ):
        lines = answer.iter_lines()
        assert {json.loads(next(lines))["dag_id"] for _ in range(2)} == {"a", "z"}
        assert httpx.get(f"{url}/dags/a/tasks/tune/history", timeout=60).status_code == 200
        assert json.loads(next(lines)) == {"reading": 1}
        stuck.set()
        assert json.loads(next(lines))["dag_id"] == "slow"
        assert json.loads(next(lines))["end"]


def test_a_study_that_hangs_is_left_out_after_a_deadline(
    tmp_path: Path, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_READ_S", 0.5)
    tuning(tmp_path, "slow")

    rows, end = lines_of(client_of(tmp_path))

    assert (rows, end["left_out"]) == ([], 1)
    assert "cannot be read now" in end["problems"][0]


def test_the_pages_and_their_files_are_served(client: TestClient) -> None:
    assert "studies.js" in client.get("/").text
    assert "compare.js" in client.get("/compare/").text
    assert client.get("/static/studies.js").status_code == 200
    assert client.get("/static/studies.html").status_code == 404


def test_the_champion_is_shown_as_in_the_history(client: TestClient, tmp_path: Path) -> None:
    tuning(tmp_path, "churn")
    params = {"lr": 0.0123456, "model": {"kind": "forest", "depth": 7}}
    add(tmp_path, Action.FIRST, days_ago=1, params=params, study="s3://other/churn/train/r1/g0")

    champion = rows_of(client)[0]["champion"]
    (segment,) = client.get("/dags/churn/tasks/tune/history").json()["champions"]

    assert champion["params"] == "lr=0.01235 model.kind=forest model.depth=7"
    assert champion["params"] == segment["entries"][0]["params"]
    assert champion["study"] is None


def test_the_cost_of_the_week_has_all_studies_of_the_week(client: TestClient, tmp_path: Path) -> None:
    for number in range(MOST_RECENT + 5):
        tuning(tmp_path, "churn", f"r{number:02}", trials=1, ago_s=3600 * (number + 1))
    tuning(tmp_path, "churn", "old", trials=1, ago_s=8 * DAY_S)
    pack_rows(str(tmp_path / "churn" / "tune"))

    (row,) = rows_of(client)

    assert (row["studies"], len(row["recent"])) == (MOST_RECENT + 6, MOST_RECENT)
    assert row["week_slot_hours"] == pytest.approx((MOST_RECENT + 5) * row["last"]["slot_hours"])


class Watched(StorageRoots):
    """Storage roots that record the threads in which they look for trouble."""

    def trouble(self) -> str | None:
        THREADS.append(threading.current_thread().name)
        return super().trouble()


THREADS: list[str] = []


def read_all(browser: Browser, *dags: str) -> None:
    async def read() -> None:
        async for _ in await browser.lines(Granted(dags), Patience()):
            pass

    asyncio.run(read())


def test_the_storage_is_read_in_the_pages_own_threads(tmp_path: Path) -> None:
    read_all(Browser(Watched((str(tmp_path),)), as_it_is, StudyList()), "churn")

    assert [name.partition("-page-")[0] for name in THREADS] == ["sparktune"]


def test_the_entries_in_memory_are_bounded(tmp_path: Path) -> None:
    for dag_id in ("churn", "fraud"):
        tuning(tmp_path, dag_id)
        add(tmp_path, Action.FIRST, days_ago=1, dag_id=dag_id)
    browser = Browser(StorageRoots((str(tmp_path),)), as_it_is, StudyList(), most_entries=1)

    read_all(browser, "churn", "fraud")
    assert len(browser.entries) == 2
    read_all(browser, "churn")

    assert len(browser.entries) == 1


def test_a_task_that_does_not_exist_takes_no_memory(tmp_path: Path) -> None:
    studies = StudyList()
    tracemalloc.start()
    try:
        for number in range(1000):
            folder = TaskFolder(f"{number:01000}", LocalStorage(tmp_path), [])
            studies.of([folder], newest=1)
        assert tracemalloc.get_traced_memory()[0] < 200_000
    finally:
        tracemalloc.stop()
