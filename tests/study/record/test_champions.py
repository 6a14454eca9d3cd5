from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import RecordError, StorageUnavailable
from airflow_sparktune.study.record import champions
from airflow_sparktune.study.record.champions import Champions, Outdated, segments
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.retuning.starts import Basis
from airflow_sparktune.study.storage import LocalStorage, MemoryStorage, open_storage


def add(record: Champions, action: Action, study: str, **params: Any) -> int:
    entry = record.add(action, cause=study, at=1.0, params=params, reason="because", study=study, loss=0.5)
    return entry.number


@pytest.fixture(params=["folder", "url"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "folder" else f"memory://{tmp_path}"


def test_the_last_decision_sets_the_champion(root: str) -> None:
    record = Champions(root)
    assert record.current() is None
    add(record, Action.FIRST, "a", x=1)
    add(record, Action.REPLACED, "b", x=2)
    champion = Champions(root).current()
    assert champion is not None
    assert (champion.number, champion.action, champion.params) == (2, Action.REPLACED, {"x": 2})


@pytest.mark.parametrize("action", [Action.KEPT, Action.PROPOSED, Action.TUNED, Action.OUTDATED])
def test_other_entries_never_set_the_champion(root: str, action: Action) -> None:
    """A kept champion is not written again: it may have been rolled back while its study was running."""
    record = Champions(root)
    add(record, Action.FIRST, "a", x=1)
    record.restore(add(record, Action.REPLACED, "b", x=2) - 1, at=2.0, by="ada")
    number = add(record, action, "c", x=2)
    assert record.current().params == {"x": 1}  # type: ignore[union-attr]
    with pytest.raises(RecordError, match=rf"must have set the champion, got entry {number} \({action}\)"):
        record.restore(number, at=3.0, by="ada")
    assert record.current().params == {"x": 1}  # type: ignore[union-attr]


def test_a_proposal_does_not_change_the_champion(root: str) -> None:
    """It must be promoted first; a study without an incumbent does not change the champion either."""
    record = Champions(root)
    add(record, Action.FIRST, "a", x=1)
    add(record, Action.PROPOSED, "b", x=2)
    add(record, Action.TUNED, "c", x=3)
    champion = record.current()
    assert champion is not None
    assert champion.params == {"x": 1}
    add(record, Action.PROMOTED, "promote b", x=2)
    assert record.current().params == {"x": 2}  # type: ignore[union-attr]


def test_the_same_cause_writes_once(root: str) -> None:
    """A retry that repeats the write finds the existing entry."""
    record = Champions(root)
    assert [add(record, Action.FIRST, "a", x=1), add(record, Action.FIRST, "a", x=1)] == [1, 1]
    assert add(record, Action.KEPT, "b", x=1) == 2
    assert len(record.history()) == 2


def test_a_rollback_is_recorded(root: str) -> None:
    record = Champions(root)
    add(record, Action.FIRST, "a", x=1)
    add(record, Action.REPLACED, "b", x=2)
    entry = record.restore(1, at=5.0, by="ada")
    champion = record.current()
    assert champion == entry
    assert (champion.params, champion.restores, champion.by) == ({"x": 1}, 1, "ada")
    assert [item.action for item in record.history()] == [Action.FIRST, Action.REPLACED, Action.RESTORED]
    with pytest.raises(RecordError, match="must have an entry 9 to restore, got none"):
        record.restore(9, at=6.0, by="ada")


def test_each_segment_has_its_own_champion(root: str) -> None:
    """This holds for names that map to the same folder name, and for segments called all or g0."""
    for number, name in enumerate(["fr", "FR/1", "FR:1", "all", "g0", None]):
        add(Champions(root, name), Action.FIRST, f"study {number}", x=number)
    for number, name in enumerate(["fr", "FR/1", "FR:1", "all", "g0", None]):
        assert Champions(root, name).current().params == {"x": number}  # type: ignore[union-attr]
    assert sorted(map(str, segments(root))) == sorted(["fr", "FR/1", "FR:1", "all", "g0", "None"])


def test_previous_studies_are_ordered_newest_first(root: str) -> None:
    record = Champions(root)
    for study, action in zip("abc", (Action.FIRST, Action.TUNED, Action.KEPT), strict=True):
        add(record, action, study, x=study)
    record.restore(1, at=5.0, by="ada")
    assert [entry.study for entry in record.previous(2)] == ["c", "b"]
    assert [entry.study for entry in record.previous(2, but="c")] == ["b", "a"]


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b'{"number": 2, "act',
        b"[]",
        b'{"action": "promised", "at": 1, "params": {}, "reason": "", "cause": ""}',
        b'{"action": "first", "at": 1, "params": null, "reason": "", "cause": ""}',
    ],
)
def test_a_torn_newest_entry_is_an_error(tmp_path: Path, torn: bytes) -> None:
    """Using the entry before it would be a rollback that nobody asked for."""
    record = Champions(str(tmp_path))
    add(record, Action.FIRST, "a", x=1)
    folder = Path(record.address)
    (folder / "00000002.json").write_bytes(torn)
    with pytest.raises(RecordError, match=r"must be valid, but .*00000002.json is torn") as caught:
        record.current()
    assert not caught.value.retryable
    problems: list[str] = []
    assert [entry.number for entry in record.history(problems)] == [1]
    assert len(problems) == 1


def test_a_restored_entry_supersedes_a_torn_one(tmp_path: Path) -> None:
    """A person can recover from a torn entry by restoring an earlier one."""
    record = Champions(str(tmp_path))
    add(record, Action.FIRST, "a", x=1)
    (Path(record.address) / "00000002.json").write_bytes(b"")
    record.restore(1, at=2.0, by="ada")
    assert record.current().number == 3  # type: ignore[union-attr]


def test_a_later_schema_is_rejected(tmp_path: Path) -> None:
    record = Champions(str(tmp_path))
    add(record, Action.FIRST, "a", x=1)
    (file,) = Path(record.address).iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), "v": 2}))
    with pytest.raises(RecordError, match="a later version of airflow-sparktune wrote it; upgrade"):
        record.current()


def test_an_entry_with_a_high_number_does_not_hide_the_next_ones(root: str) -> None:
    """Somebody may put one there; numbers then have more digits, and are not in the order of the names."""
    record = Champions(root)
    add(record, Action.FIRST, "a", x=1)
    entry = open_storage(record.address).read("00000001.json")
    open_storage(record.address).write("99999999.json", entry.replace(b'"a"', b'"b"'))
    assert add(record, Action.REPLACED, "c", x=3) == 100_000_000
    assert record.current().params == {"x": 3}  # type: ignore[union-attr]
    assert record.numbers() == [1, 99_999_999, 100_000_000]


def test_an_entry_is_never_added_where_readers_do_not_look(root: str) -> None:
    record = Champions(root)
    add(record, Action.FIRST, "a", x=1)
    entry = open_storage(record.address).read("00000001.json")
    open_storage(record.address).write(f"{'9' * 18}.json", entry.replace(b'"a"', b'"b"'))
    with pytest.raises(RecordError, match="must have at most 18 digits, got 1000000000000000000"):
        add(record, Action.REPLACED, "c", x=3)


def test_files_that_are_no_entries_are_ignored(root: str) -> None:
    record = Champions(root)
    for name in ("notes.txt", "1.json", "00000007.json.bak", "000000007.json", "0000000\u0667.json"):
        open_storage(record.address).write(name, b"{}")
    assert add(record, Action.FIRST, "a", x=1) == 1
    assert record.numbers() == [1]


def test_segments_that_differ_by_case_have_distinct_folders() -> None:
    """Also where the file system ignores case."""
    names = ["fr", "FR", "Fr", f"fr-{hashlib.sha256(b'FR').hexdigest()[:8]}", "all", "ALL"]
    folders = {Champions("memory://case", name).address.lower() for name in names}
    assert len(folders) == len(names)


def test_entries_of_another_segment_do_not_hide_a_segment(root: str) -> None:
    """Somebody may copy a file into the wrong folder."""
    for name in ("de", "FR"):
        add(Champions(root, name), Action.FIRST, "a", x=1)
    entry = open_storage(Champions(root, "de").address).read("00000001.json")
    open_storage(Champions(root, "FR").address).write("00000002.json", entry)
    assert sorted(map(str, segments(root))) == ["FR", "de"]


class TestConditions:
    """An entry with a basis is added only if the decision still holds."""

    @staticmethod
    def decide(record: Champions, study: str, *, champion: int | None, moment: float, **params: Any) -> int:
        action = Action.FIRST if champion is None else Action.REPLACED
        basis = Basis(champion=champion, moment=moment)
        return record.add(
            action, cause=study, basis=basis, at=9.0, params=params, reason="", study=study, moment=moment
        ).number

    def test_the_champion_is_still_the_one_that_was_compared_with(self, root: str) -> None:
        record = Champions(root)
        self.decide(record, "a", champion=None, moment=1.0, x=1)
        self.decide(record, "b", champion=1, moment=2.0, x=2)
        with pytest.raises(Outdated, match=r"compared with entry 1 \(first\), but entry 2 \(replaced\) is"):
            self.decide(record, "c", champion=1, moment=3.0, x=3)
        with pytest.raises(Outdated, match="compared with no champion, but entry 2"):
            self.decide(record, "d", champion=None, moment=3.0, x=4)
        record.restore(1, at=5.0, by="ada")
        with pytest.raises(Outdated, match=r"but entry 3 \(restored by ada\) is the champion since"):
            self.decide(record, "c", champion=2, moment=3.0, x=3)
        assert [entry.params["x"] for entry in record.history()] == [1, 2, 1]

    @pytest.mark.parametrize("action", [Action.KEPT, Action.PROMOTED])
    def test_older_data_do_not_overrule_newer_data(self, root: str, action: Action) -> None:
        """A decision about data of the same time counts: that is a rerun."""
        record = Champions(root)
        self.decide(record, "a", champion=None, moment=1.0, x=1)
        record.add(action, cause="b", at=2.0, params={"x": 1}, reason="", moment=7.0)
        champion = record.current().number  # type: ignore[union-attr]
        with pytest.raises(Outdated, match=r"data are of 1970-01-01 00:00:06 UTC, but entry 2 .* newer data"):
            self.decide(record, "c", champion=champion, moment=6.0, x=3)
        assert self.decide(record, "d", champion=champion, moment=7.0, x=4) == 3

    @pytest.mark.parametrize("action", [Action.PROPOSED, Action.OUTDATED, Action.TUNED])
    def test_entries_that_decide_nothing_do_not_block(self, root: str, action: Action) -> None:
        record = Champions(root)
        record.add(action, cause="a", at=2.0, params={"x": 1}, reason="", moment=7.0)
        assert self.decide(record, "b", champion=None, moment=6.0, x=3) == 2

    def test_entries_without_a_moment_do_not_block(self, root: str) -> None:
        record = Champions(root)
        add(record, Action.FIRST, "a", x=1)
        assert self.decide(record, "b", champion=1, moment=0.0, x=2) == 2

    def test_a_rollback_carries_the_latest_moment(self, root: str) -> None:
        """A person has seen all that was decided; an old run that is cleared later must not undo it."""
        record = Champions(root)
        self.decide(record, "a", champion=None, moment=1.0, x=1)
        self.decide(record, "b", champion=1, moment=7.0, x=2)
        assert record.restore(1, at=1.0, by="ada").moment == 7.0
        with pytest.raises(Outdated, match=r"entry 3 \(restored by ada\) is about newer data"):
            self.decide(record, "c", champion=3, moment=6.0, x=3)


def test_writers_at_the_same_time_get_entries_in_one_order(tmp_path: Path) -> None:
    """Eight threads: eight entries, one first champion, and every other decision is told that it is late."""
    barrier = threading.Barrier(8)

    def decide(number: int) -> int | None:
        record, basis = Champions(str(tmp_path)), Basis(champion=None, moment=1.0)
        barrier.wait()
        facts = {"at": 1.0, "params": {"x": number}, "reason": "", "study": f"study {number}"}
        record.add(Action.KEPT, cause=f"study {number}", **facts)
        try:
            return record.add(Action.FIRST, cause=f"first {number}", basis=basis, **facts).number
        except Outdated:
            return None

    with ThreadPoolExecutor(8) as pool:
        first = [number for number in pool.map(decide, range(8)) if number is not None]
    history = Champions(str(tmp_path)).history()
    assert len(first) == 1
    assert [entry.number for entry in history] == list(range(1, 10))
    assert sorted(entry.study for entry in history if entry.action is Action.KEPT) == sorted(
        f"study {number}" for number in range(8)
    )


def test_a_lost_answer_does_not_add_an_entry_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was created, but the storage says that it exists: a client has sent its request twice."""

    class Forgetful(LocalStorage):
        def create(self, name: str, data: bytes) -> bool:
            super().create(name, data)
            return False

    monkeypatch.setattr(champions, "open_storage", Forgetful)
    record = Champions(str(tmp_path))
    assert [add(record, Action.FIRST, "a", x=1), add(record, Action.REPLACED, "b", x=2)] == [1, 2]
    assert record.numbers() == [1, 2]


def test_a_storage_that_never_shows_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer gives up with a sentence, and does not try for ever."""

    class Blind(MemoryStorage):
        def create(self, name: str, data: bytes) -> bool:
            return False

    monkeypatch.setattr(champions, "open_storage", lambda address: Blind())
    with pytest.raises(StorageUnavailable, match="must get a number of its own, but 100 in a row were taken"):
        add(Champions("anywhere"), Action.FIRST, "a", x=1)
