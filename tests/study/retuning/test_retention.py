"""Which studies go, and which stay whatever was asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import RecordError, SpecError
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.retuning.champions import Action, Champions
from airflow_sparktune.study.retuning.retention import Keep, find, prune, superfluous
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.testing.samples import BEGAN, closed, opened, segment, trial, write

DAY_S = 86_400.0


@pytest.fixture(params=["folder", "url"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "folder" else f"memory://{tmp_path}"


def study(root: str, path: str, *, day: int = 0, ended: bool = True) -> str:
    """A study that was heard of last on a day."""
    at = BEGAN + day * DAY_S
    end = [[closed(at=at)]] if ended else []
    write(open_storage(f"{root}/{path}"), 1, [opened(at=at)], [trial(0, 0.5, at=at)], *end)
    return f"{root}/{path}"


def left_after(root: str, keep: Any, *, day: int = 100) -> list[str]:
    """What stays of the studies below a root, by their paths."""
    now = BEGAN + day * DAY_S
    problems: list[str] = []
    prune(superfluous(find(root, now=now), Keep.of("keep", keep), now=now), problems)
    assert problems == []
    return sorted(each.address.removeprefix(f"{root}/") for each in find(root, now=now))


def test_the_newest_of_each_task_stay(root: str) -> None:
    for run in range(4):
        study(root, f"churn/tune/r{run}/g0", day=run)
        study(root, f"demand/tune/r{run}/g0", day=run)
    assert left_after(root, 1) == ["churn/tune/r3/g0", "demand/tune/r3/g0"]
    if "://" not in root:
        assert [path.name for path in Path(root, "churn", "tune").iterdir()] == ["r3"]


def test_each_map_index_is_counted_by_itself(root: str) -> None:
    for run in range(3):
        for index in range(2):
            study(root, f"churn/tune/r{run}/{index}/g0", day=run)
    assert left_after(root, "2") == [f"churn/tune/r{run}/{index}/g0" for run in (1, 2) for index in (0, 1)]


def test_an_age(root: str) -> None:
    for day in (10, 80, 99):
        study(root, f"churn/tune/r{day}/g0", day=day)
    assert left_after(root, "30d") == ["churn/tune/r80/g0", "churn/tune/r99/g0"]


def test_studies_that_airflow_did_not_name(root: str) -> None:
    for day in (1, 2, 3):
        study(root, f"{day}.study", day=day)
    assert left_after(root, 1) == ["3.study"]


def test_a_study_at_work_stays(root: str) -> None:
    study(root, "churn/tune/r0/g0", day=99, ended=False)
    study(root, "churn/tune/r1/g0", day=100)
    study(root, "churn/tune/r2/g0", day=101)
    assert left_after(root, 1, day=99) == ["churn/tune/r0/g0", "churn/tune/r2/g0"]


def test_what_production_needs_stays(root: str) -> None:
    """The study that found the champion, the last that confirmed it, and the one that waits for a person."""
    found = [study(root, f"churn/tune/r{run}/g0", day=run) for run in range(6)]
    record = Champions(f"{root}/churn/tune")
    actions = [Action.FIRST, Action.REPLACED, Action.KEPT, Action.KEPT, Action.PROPOSED]
    for action, address in zip(actions, found, strict=False):
        record.add(action, cause=address, at=1.0, params={}, reason="because", study=address)
    assert left_after(root, 1) == [f"churn/tune/r{run}/g0" for run in (1, 3, 4, 5)]
    assert record.in_office() is not None


def test_a_champion_that_is_written_in_another_way_stays(tmp_path: Path) -> None:
    """The record may name a path behind a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    study(str(tmp_path / "real"), "r0/g0", day=1)
    study(str(tmp_path / "real"), "r1/g0", day=2)
    address = str(tmp_path / "link" / "r0" / "g0")
    Champions(str(tmp_path / "real")).add(
        Action.FIRST, cause="r0", at=1.0, params={}, reason="because", study=address
    )
    assert left_after(str(tmp_path / "real"), 1) == ["r0/g0", "r1/g0"]


def test_a_record_that_cannot_be_read_keeps_everything(root: str) -> None:
    """Who does not know what is in production removes nothing."""
    for run in range(3):
        study(root, f"churn/tune/r{run}/g0", day=run)
    open_storage(root).write("churn/tune/@champions/all/00000001-5d41402a.json", b"torn")
    with pytest.raises(RecordError, match="torn"):
        left_after(root, 1)
    assert len(find(root, now=BEGAN)) == 3


def test_a_removal_that_was_interrupted_is_finished_by_the_next(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile nobody takes what is left for a study."""
    address = study(root, "churn/tune/r0/g0", day=1)
    study(root, "churn/tune/r1/g0", day=2)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("airflow_sparktune.study.retuning.retention.clear", die)
        with pytest.raises(KeyboardInterrupt):
            left_after(root, 1)
    assert read_study(address).study.attempts == []
    assert open_storage(address).names(FOLDER) != []
    assert left_after(root, 1) == ["churn/tune/r1/g0"]
    assert open_storage(address).names("") == []


def test_a_study_that_its_driver_has_not_opened_stays(root: str) -> None:
    """It has been submitted a moment ago."""
    open_storage(f"{root}/churn/tune/r0/g0").write("spec.json", b"{}")
    open_storage(f"{root}/churn/tune/r1/g0").write(segment("0001-0a0b0c0d", 1), b"")
    assert left_after(root, "1h") == []
    assert open_storage(f"{root}/churn/tune/r0/g0").names("") == ["spec.json"]


@pytest.mark.parametrize(
    ("written", "keep"),
    [
        (20, Keep(newest=20)),
        ("20", Keep(newest=20)),
        ("12h", Keep(age_s=43_200.0)),
        ("1.5 d", Keep(age_s=129_600.0)),
        (timedelta(weeks=1), Keep(age_s=604_800.0)),
    ],
)
def test_what_people_write(written: Any, keep: Keep) -> None:
    assert Keep.of("keep_studies", written) == keep


@pytest.mark.parametrize("written", [0, -1, "", "all", True, 1.5, "0d", "3m", timedelta(0), None])
def test_what_is_neither_number_nor_age(written: Any) -> None:
    with pytest.raises(SpecError, match="keep_studies must be a number of studies, or an age"):
        Keep.of("keep_studies", written)
