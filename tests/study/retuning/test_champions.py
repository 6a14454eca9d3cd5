from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import RecordError
from airflow_sparktune.study.retuning.champions import Action, Champions, segments


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
    add(record, Action.KEPT, "c", x=2)
    champion = Champions(root).current()
    assert champion is not None
    assert (champion.number, champion.action, champion.params) == (3, Action.KEPT, {"x": 2})


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
    for study in "abc":
        add(record, Action.TUNED, study, x=study)
    record.restore(1, at=5.0, by="ada")
    assert [entry.study for entry in record.previous(2)] == ["c", "b"]
    assert [entry.study for entry in record.previous(2, but="c")] == ["b", "a"]


@pytest.mark.parametrize(
    "torn", [b"", b'{"number": 2, "act', b"[]", b'{"action": "promised", "at": 1, "reason": ""}']
)
def test_a_torn_newest_entry_is_an_error(tmp_path: Path, torn: bytes) -> None:
    """Using the entry before it would be a rollback that nobody asked for."""
    record = Champions(str(tmp_path))
    add(record, Action.FIRST, "a", x=1)
    folder = Path(record.address)
    (folder / "00000002-abcdef01.json").write_bytes(torn)
    with pytest.raises(RecordError, match=r"must be valid, but .*00000002-abcdef01.json is torn") as caught:
        record.current()
    assert not caught.value.retryable
    problems: list[str] = []
    assert [entry.number for entry in record.history(problems)] == [1]
    assert len(problems) == 1


def test_a_restored_entry_supersedes_a_torn_one(tmp_path: Path) -> None:
    """A person can recover from a torn entry by restoring an earlier one."""
    record = Champions(str(tmp_path))
    add(record, Action.FIRST, "a", x=1)
    (Path(record.address) / "00000002-abcdef01.json").write_bytes(b"")
    record.restore(1, at=2.0, by="ada")
    assert record.current().number == 3  # type: ignore[union-attr]


def test_a_later_schema_is_rejected(tmp_path: Path) -> None:
    record = Champions(str(tmp_path))
    add(record, Action.FIRST, "a", x=1)
    (file,) = Path(record.address).iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), "v": 2}))
    with pytest.raises(RecordError, match="a later version of airflow-sparktune wrote it; upgrade"):
        record.current()
