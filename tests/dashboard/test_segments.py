"""The table of an application's segments."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.segments.schemas import Block
from airflow_sparktune.dashboard.segments.table import BLOCK, SegmentTable
from airflow_sparktune.dashboard.study_list import StudyList
from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.orchestrator.after import pack_rows
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.airflow_task import AirflowTask, write_task
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.record.champions import Action, Champions
from airflow_sparktune.study.storage import LocalStorage, open_storage
from tests.dashboard.helpers.pages import RUN, TASK, as_it_is
from tests.dashboard.helpers.segmented import application, segment
from tests.dashboard.helpers.synthetic import Writer

REGIONS = ("north", "south", "west", "north east")


@pytest.fixture
def regions(address: str) -> str:
    """Return the address of an application: a segment has ended, one has failed, one runs, one waits."""
    application(address, REGIONS)
    segment(address, "north")
    segment(address, "south", trials=2, close="error", error={"type": "E", "message": "no data"})
    segment(address, "north east", trials=3, close=None)
    return address


def writer_path(writer: Writer) -> str:
    """Return the path of a writer's last chunk."""
    stream, last = writer.stream.stream, writer.stream.events
    return f"attempts/{stream}/{last:08d}-{last:08d}.jsonl"


def table(client: TestClient, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{RUN}/segments", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows_of(client: TestClient, **query: Any) -> dict[str, dict[str, Any]]:
    return {row["segment"]: row for block in table(client, **query)["blocks"] for row in block["rows"]}


def test_each_segment_has_a_row_in_the_order_of_the_application(client: TestClient, regions: str) -> None:
    rows = rows_of(client)

    assert {name: (row["phase"], row["finished"], row["max_evals"]) for name, row in rows.items()} == {
        "north": ("done", 5, 5),
        "south": ("failed", 2, 5),
        "west": ("waiting", 0, 5),
        "north east": ("running", 3, 5),
    }
    assert list(rows) == list(REGIONS)
    assert [each["kind"] for each in rows["south"]["attention"]] == ["failed"]
    assert "no data" in rows["south"]["attention"][0]["text"]
    bests = rows["north"]["bests"]
    assert bests[0][0] == 1
    assert [loss for _, loss in bests] == sorted((loss for _, loss in bests), reverse=True)
    assert bests[-1][1] == rows["north"]["best"]


def test_a_segment_has_the_page_of_a_study(client: TestClient, regions: str) -> None:
    reply = client.get(f"{RUN}/study", params={"segment": "north east"}).json()
    names = client.get(f"{RUN}/segment_names", params={"segment": "north east"}).json()

    assert (reply["phase"], reply["summary"]["segment"]) == ("running", "north east")
    assert reply["title"].endswith("r1, segment north east")
    assert names == {"names": list(REGIONS)}
    trial = client.get(f"{RUN}/trials/1", params={"segment": "north east", "generation": 0})
    assert trial.json()["number"] == 1
    assert client.get(f"{RUN}/study", params={"segment": "other"}).json()["phase"] == "none"
    assert client.get(f"{RUN}/study", params={"segment": "x" * 251}).status_code == 422


def test_the_server_tells_an_application_from_a_study(
    client: TestClient, regions: str, tmp_path: Path
) -> None:
    assert "segments.js" in client.get(f"{RUN}/").text
    assert "study.js" in client.get(f"{RUN}/?segment=north").text
    assert "study.js" in client.get(f"{RUN}other/").text
    reply = client.get(f"{RUN}/study").json()
    assert (reply["phase"], reply["application"]) == ("none", True)
    assert client.get(f"{RUN}other/segments").status_code == 404


def test_a_page_gets_only_the_blocks_with_news(client: TestClient, address: str) -> None:
    names = [f"s{number}" for number in range(BLOCK + 2)]
    application(address, names)
    writer = segment(address, names[-1], trials=1, close=None)
    tags = [block["tag"] for block in table(client)["blocks"]]
    assert len(tags) == 2
    assert table(client, have=".".join(tags))["blocks"] == []

    writer.run(1, first=1)
    (block,) = table(client, have=".".join(tags))["blocks"]

    assert (block["first"], [row["finished"] for row in block["rows"]]) == (BLOCK, [0, 2])


def test_of_a_segment_that_runs_only_what_is_new_is_read(
    client: TestClient, regions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_task(regions, AirflowTask(dag_id="churn", task_id="tune", run_id="r1"))
    writer = segment(regions, "west", trials=2, close=None)
    rows_of(client)
    reads: list[str] = []
    read = LocalStorage.read
    monkeypatch.setattr(LocalStorage, "read", lambda self, name: reads.append(name) or read(self, name))

    writer.put(next(iter(writer.trials(1, first=2))))
    rows_of(client)

    assert reads == ["segments.json", f"r1/segment=west/g0/{writer_path(writer)}"]


def test_the_rows_of_ended_segments_come_from_the_pack(
    client: TestClient, regions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_rows(str(tmp_path / "churn" / "tune"))
    reads: list[str] = []
    read = LocalStorage.read
    monkeypatch.setattr(LocalStorage, "read", lambda self, name: reads.append(name) or read(self, name))

    assert rows_of(client)["north"]["finished"] == 5
    assert [name for name in reads if "attempts/" in name] == []


def test_an_older_generation_shows_its_own_segments(client: TestClient, regions: str) -> None:
    newer = regions.replace("/g0", "/g1")
    application(newer, ("north", "new"))
    segment(newer, "new", trials=1, close=None)

    assert {name: row["phase"] for name, row in rows_of(client).items()} == {
        "north": "waiting",
        "new": "running",
    }
    assert rows_of(client, generation=0)["north"]["phase"] == "done"
    assert table(client)["generations"] == [1, 0]


def test_a_mapped_task_may_have_segments(client: TestClient, tmp_path: Path) -> None:
    address = str(tmp_path / "churn" / "tune" / "r1" / "3" / "g0")
    application(address, ("a",))
    segment(address, "a")

    assert rows_of(client, map_index=3)["a"]["phase"] == "done"


def test_a_segment_that_cannot_be_read_is_said_and_asks_for_a_person(
    client: TestClient, regions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = LocalStorage.read

    def denied(self: LocalStorage, name: str) -> bytes:
        if "segment=north/" in name:
            raise PermissionError(name)
        return read(self, name)

    monkeypatch.setattr(LocalStorage, "read", denied)

    row = rows_of(client)["north"]

    assert row["phase"] == "none"
    assert row["problem"].startswith("This study cannot be read")
    assert [each["kind"] for each in row["attention"]] == ["failed"]


def test_a_segment_whose_folder_is_closed_does_not_wait(
    client: TestClient, regions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = LocalStorage.tree
    listed = lambda self, folder: [*tree(self, folder), "segment=west/"]  # noqa: E731
    monkeypatch.setattr(LocalStorage, "tree", listed)

    rows = rows_of(client)

    assert (rows["west"]["phase"], rows["north"]["phase"]) == ("none", "done")
    assert rows["west"]["problem"]


def test_the_state_of_the_task_tells_a_lost_segment(client: TestClient, regions: str) -> None:
    rows = rows_of(client, task_state="failed")

    assert rows["north east"]["phase"] == "lost"
    assert [each["kind"] for each in rows["north east"]["attention"]] == ["lost"]


def test_a_link_to_another_study_is_not_followed(client: TestClient, regions: str, tmp_path: Path) -> None:
    other = tmp_path / "other" / "tune" / "r1" / "g0"
    application(str(other), ("x",))
    segment(str(other), "x")
    folder = Path(address_of(regions, "west")).parent
    folder.symlink_to(Path(address_of(str(other), "x")).parent)

    assert rows_of(client)["west"]["phase"] == "waiting"
    assert client.get(f"{RUN}/study", params={"segment": "west"}).json()["phase"] == "none"


def test_a_winner_that_waits_for_a_person_asks_for_one_until_it_is_promoted(
    client: TestClient, address: str
) -> None:
    application(address, ("north", "south"), retuning={"incumbent": "champion", "promote": "manual"})
    for name in ("north", "south"):
        writer = segment(address, name, close=None, retuning={"incumbent": "champion", "promote": "manual"})
        decision = {"decision": "first", "reason": "there was none", "params": {"x": 1}, "number": 0}
        writer.write(event="decided", decision=decision)
        writer.close()
        champions = Champions(address.removesuffix("/r1/g0"), name)
        facts: dict[str, Any] = {"params": {"x": 1}, "reason": "first", "study": address_of(address, name)}
        champions.add(Action.PROPOSED, cause=name, at=writer.now, **facts)
    champions.add(Action.PROMOTED, cause="ada", at=writer.now, **facts)

    rows = rows_of(client)

    assert {name: row["decision"]["kind"] for name, row in rows.items()} == {
        "north": "first",
        "south": "first",
    }
    assert {name: row["changed"] for name, row in rows.items()} == {"north": False, "south": True}
    assert [each["kind"] for each in rows["north"]["attention"]] == ["approval"]
    assert rows["south"]["attention"] == []


def test_an_application_and_a_segment_of_it_can_be_stopped(client: TestClient, regions: str) -> None:
    headers = {"Origin": "http://testserver", "Content-Type": "application/json"}

    def stop(**query: Any) -> int:
        return client.put(f"{RUN}/stop", params={"generation": 0, **query}, headers=headers).status_code

    assert [stop(), stop(segment="north east"), stop(segment="north")] == [200, 200, 409]

    assert stop_requested(open_storage(regions), attempt=0)
    assert stop_requested(open_storage(address_of(regions, "north east")), attempt=1)


def test_the_history_has_a_row_for_the_application_and_compares_its_segments(
    client: TestClient, regions: str, tmp_path: Path
) -> None:
    older = regions.replace("/r1/", "/r0/")
    application(older, ("north", "gone"))
    for name in ("north", "gone"):
        segment(older, name, trials=4, begun_s=-7 * 86_400)

    reply = client.get(f"{TASK}/history").json()

    runs = [(run["run_id"], run["phase"], run["segments"], run["texts"]["state"]) for run in reply["runs"]]
    assert runs == [("r1", "running", 3, "1 running, 1 failed, 1 done"), ("r0", "done", 2, "2 done")]
    assert reply["weeks"] == [0, 1]
    phases = {each["segment"]: each["phases"] for each in reply["segments"]}
    assert phases == {
        "gone": [None, "done"],
        "north": ["done", "done"],
        "north east": ["running", None],
        "south": ["failed", None],
    }
    north = next(each for each in reply["segments"] if each["segment"] == "north")
    assert north["values"][0] == rows_of(client)["north"]["best"]


def test_a_segment_that_could_not_be_read_is_read_again_later(
    regions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    table = SegmentTable(as_it_is, StudyList(), pause_s=0, clock=lambda: now[0])

    def phase() -> str:
        async def read() -> list[Block]:
            found, _ = await table.read(regions, map_index=-1)
            return await table.blocks(found, (), task_state=None)

        return str(asyncio.run(read())[0].rows[0].phase)

    def unavailable(self: LocalStorage, name: str) -> bytes:
        if "attempts/" in name:
            raise StorageUnavailable("not now")
        return read(self, name)

    read = LocalStorage.read
    monkeypatch.setattr(LocalStorage, "read", unavailable)
    assert phase() == "none"
    monkeypatch.undo()

    assert phase() == "none"
    now[0] += table.again_s
    assert phase() == "done"


def test_a_pack_that_lies_about_a_segment_leaves_the_others(
    client: TestClient, regions: str, tmp_path: Path
) -> None:
    task = tmp_path / "churn" / "tune"
    pack_rows(str(task))
    pack = json.loads((task / "@studies.json").read_text())
    pack["rows"]["r1/segment=north/g0"]["summary"].update(counts="x", confirmation=[1])
    (task / "@studies.json").write_text(json.dumps(pack))

    rows = rows_of(client)

    assert [rows[name]["phase"] for name in ("north", "south")] == ["none", "failed"]


def test_a_slow_storage_is_listed_less_often(regions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now, listings = [0.0], []
    table = SegmentTable(as_it_is, StudyList(), pause_s=1.0, clock=lambda: now[0])
    tree = LocalStorage.tree

    def slow(self: LocalStorage, folder: str) -> list[str]:
        listings.append(now[0])
        now[0] += 3.0
        return tree(self, folder)

    monkeypatch.setattr(LocalStorage, "tree", slow)
    for _ in range(4):
        asyncio.run(table.read(regions, map_index=-1))
        now[0] += 2.0

    assert listings == [0.0, 9.0]
