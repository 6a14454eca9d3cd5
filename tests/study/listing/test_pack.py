"""The pack of a task: it spares reads, and a pack that lies costs time only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from airflow_sparktune.study.files.airflow_task import AirflowTask, write_task
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Mark
from airflow_sparktune.study.listing.pack import NAME
from airflow_sparktune.study.phase import Phase
from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.synthetic import Writer

RUNS = ("r1", "r2", "r3")


def folder_of(task: Path) -> TaskFolder:
    storage = LocalStorage(task)
    return TaskFolder.listed(str(task), storage, storage.tree(""))


def tuning(task: Path, run: str = "r1", *, trials: int = 3, close: bool = True) -> Writer:
    writer = Writer(str(task / run / "g0"), seed=trials)
    writer.open(max_evals=trials)
    writer.run(trials)
    if close:
        writer.close()
    return writer


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Return the folder of a task with three studies and their pack."""
    for number, run in enumerate(RUNS, start=2):
        tuning(tmp_path, run, trials=number)
    folder_of(tmp_path).pack(enough=lambda: False)
    return tmp_path


def trials(task: Path) -> dict[str, int]:
    """Return the number of trials in each row that needs no journal."""
    folder = folder_of(task)
    return {study.run: row.summary["trials"] for study, row in folder.kept(folder.studies).items()}


def test_the_pack_has_the_rows_of_all_studies(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = LocalStorage.read
    monkeypatch.setattr(LocalStorage, "read", lambda self, name: reads.append(name) or read(self, name))

    assert trials(packed) == {"r3": 4, "r2": 3, "r1": 2}
    assert reads == [NAME]


def test_a_row_from_the_pack_is_the_row_from_the_journal(packed: Path) -> None:
    folder = folder_of(packed)

    assert folder.kept(folder.studies) == {study: folder.read(study) for study in folder.studies}


def test_a_study_that_has_gone_on_is_not_taken_from_the_pack(packed: Path) -> None:
    stream = sorted((packed / "r2" / "g0" / "attempts").iterdir())[-1].name
    again = Writer(str(packed / "r2" / "g0"), attempt=2)
    again.open(max_evals=9, takes=[[stream, 1]])

    assert trials(packed) == {"r3": 4, "r1": 2}


def test_a_stream_that_has_not_opened_does_not_count(packed: Path) -> None:
    LocalStorage(packed).write("r2/g0/attempts/0002-00000000/00000002-00000003.jsonl", b"{}\n")

    assert trials(packed)["r2"] == 3


def edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def edit(text: bytes) -> bytes:
        data = json.loads(text)
        change(data)
        return json.dumps(data).encode()

    return edit


LIES = {
    "an older stream": edited(lambda data: data["rows"]["r2/g0"].update(stream="0001-00000000")),
    "another number of events": edited(lambda data: data["rows"]["r2/g0"].update(events=1)),
    "the row of another study": edited(lambda data: data["rows"].update({"r2/g0": data["rows"]["r3/g0"]})),
    "no row": edited(lambda data: data["rows"].pop("r2/g0")),
    "a row that is none": edited(lambda data: data["rows"].update({"r2/g0": 7})),
    "a number that is none": edited(lambda data: data["rows"]["r2/g0"]["summary"].update(best_loss="x")),
    "a count that is null": edited(lambda data: data["rows"]["r2/g0"]["summary"].update(trials=None)),
    "a summary without a part": edited(lambda data: data["rows"]["r2/g0"]["summary"].pop("decision")),
    "an unknown setup": edited(lambda data: data["rows"]["r2/g0"].update(setup="no")),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_row_that_lies_does_not_count(packed: Path, lie: Callable[[bytes], bytes]) -> None:
    (packed / NAME).write_bytes(lie((packed / NAME).read_bytes()))

    assert trials(packed) == {"r3": 4, "r1": 2}


GARBAGE = {
    "torn": lambda text: text[: len(text) // 2],
    "empty": lambda _: b"",
    "no object": lambda _: b"[]",
    "of a later version": edited(lambda data: data.update(v=99)),
    "without rows": edited(lambda data: data.update(rows=[])),
    "deep": lambda _: b"[" * 100_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_a_pack_that_cannot_be_read_counts_as_none_and_is_written_again(
    packed: Path, garbage: Callable[[bytes], bytes]
) -> None:
    (packed / NAME).write_bytes(garbage((packed / NAME).read_bytes()))
    assert trials(packed) == {}

    folder_of(packed).pack(enough=lambda: False)

    assert trials(packed) == {"r3": 4, "r2": 3, "r1": 2}


def test_rows_of_other_tasks_are_not_taken(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    tuning(other, "mine", trials=1)
    (other / NAME).write_bytes((packed / NAME).read_bytes())

    assert trials(other) == {}


def test_running_and_lost_are_computed_on_reading(tmp_path: Path) -> None:
    writer = tuning(tmp_path, close=False)
    folder_of(tmp_path).pack(enough=lambda: False)

    folder = folder_of(tmp_path)
    (row,) = folder.kept(folder.studies).values()

    assert row.pulse.phase(now=writer.now + 1) is Phase.RUNNING
    assert row.pulse.phase(now=writer.now + 3_600) is Phase.LOST
    assert row.texts(Phase.LOST, "none")["state"] == "lost, its driver died"


def test_a_row_without_a_file_that_may_appear_later_is_not_kept(tmp_path: Path) -> None:
    """An object store may list a file before it can be read; the study then has the same mark without it."""
    writer = tuning(tmp_path, close=False)
    writer.run(1, first=3)
    missing = sorted((tmp_path / "r1" / "g0" / "attempts" / writer.stream.stream).iterdir())[-2]
    content = missing.read_bytes()
    missing.unlink()
    folder = folder_of(tmp_path)
    (study,) = folder.studies

    assert study.mark == Mark(writer.stream.stream, writer.stream.events)
    assert folder.read(study) is not None
    folder.pack(enough=lambda: False)
    missing.write_bytes(content)

    assert folder.kept(folder.studies) == {}
    assert trials(tmp_path) == {}


def test_removed_studies_leave_the_pack(packed: Path) -> None:
    LocalStorage(packed / "r1" / "g0").clear(within=str(packed))

    folder_of(packed).pack(enough=lambda: False)

    assert set(json.loads((packed / NAME).read_text())["rows"]) == {"r2/g0", "r3/g0"}


def test_a_writer_without_time_keeps_what_it_knows(packed: Path) -> None:
    tuning(packed, "r4", trials=5)

    folder_of(packed).pack(enough=lambda: True)

    assert trials(packed) == {"r3": 4, "r2": 3, "r1": 2}


def test_a_pack_reads_several_studies_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for run in ("r1", "r2"):
        tuning(tmp_path, run)
    both = Barrier(2, timeout=30)
    first = {"00000001-00000001.jsonl"}
    read = LocalStorage.read

    def together(self: LocalStorage, name: str) -> bytes:
        if name.rpartition("/")[2] in first:
            both.wait()
        return read(self, name)

    monkeypatch.setattr(LocalStorage, "read", together)
    folder_of(tmp_path).pack(enough=lambda: False)

    assert trials(tmp_path) == {"r1": 3, "r2": 3}


def test_an_id_in_a_row_counts_only_if_the_folder_is_named_after_it(tmp_path: Path) -> None:
    hashed = "manual__2026-01-01T00_00_00_00_00-1e8dc70c"
    for run in (hashed, "r1"):
        tuning(tmp_path, run)
        run_id = "manual__2026-01-01T00:00:00+00:00"
        write_task(str(tmp_path / run / "g0"), AirflowTask(dag_id="churn", task_id="tune", run_id=run_id))

    folder = folder_of(tmp_path)
    rows = [(study, folder.read(study)) for study in folder.studies]

    assert [row.run_id(study) for study, row in rows if row] == ["manual__2026-01-01T00:00:00+00:00", "r1"]


def test_the_listing_tells_the_newest_generation_of_each_instance(tmp_path: Path) -> None:
    for path in ("r1/g0", "r1/g2", "r1/3/g1", "5/g0"):
        writer = Writer(str(tmp_path / path))
        writer.open()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "g0").write_text("a file")

    found = {study.path: study for study in folder_of(tmp_path).studies}

    assert [(study.run, study.map_index) for study in found.values()] == [("r1", 3), ("r1", -1), ("5", -1)]
    assert set(found) == {"r1/3/g1", "r1/g2", "5/g0"}
    assert found["5/g0"].mark == Mark(writer.stream.stream, writer.stream.events)


def test_the_listing_has_the_segments_of_the_newest_application(tmp_path: Path) -> None:
    for path in (
        "r1/segment=north/g0",
        "r1/segment=south/g0",
        "r1/segment=south/g1",
        "r1/2/segment=a/g0",
        "r2/g1",
    ):
        Writer(str(tmp_path / path)).open()
    for path in ("r1/g0", "r1/g1", "r1/2/g0", "r2/g0"):
        LocalStorage(tmp_path / path).write("segments.json", b"{}")
    Writer(str(tmp_path / "r2/segment=north/g0")).open()  # before a clear, and the DAG has no segments since

    folder = folder_of(tmp_path)

    assert [study.path for study in folder.studies] == ["r2/g1", "r1/2/segment=a/g0", "r1/segment=south/g1"]
    assert [study.instance for study in folder.studies[1:]] == [
        ("r1", 2, "segment=a"),
        ("r1", -1, "segment=south"),
    ]
    assert [study.path for study in folder.applications] == ["r1/2/g0", "r1/g1"]


def test_the_task_of_all_segments_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalStorage(tmp_path / "r1/g0").write("segments.json", b"{}")
    write_task(str(tmp_path / "r1" / "g0"), AirflowTask(dag_id="churn", task_id="tune", run_id="r1"))
    for segment in ("a", "b"):
        tuning(tmp_path, f"r1/segment={segment}")
    folder = folder_of(tmp_path)
    reads: list[str] = []
    read = LocalStorage.read
    monkeypatch.setattr(LocalStorage, "read", lambda self, name: reads.append(name) or read(self, name))

    rows = [folder.read(study) for study in folder.studies]

    assert [row.task.run_id for row in rows if row and row.task] == ["r1", "r1"]
    assert reads.count("r1/g0/airflow.json") == 1


def test_a_link_in_a_task_is_not_followed(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    tuning(elsewhere)
    (tmp_path / "r1").symlink_to(elsewhere / "r1")

    assert folder_of(tmp_path).studies == []
