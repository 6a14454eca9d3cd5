"""Old studies are removed, except those that are running or that production needs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.airflow_task import AirflowTask, write_task
from airflow_sparktune.study.files.generations import Owner, read_owner, write_owner
from airflow_sparktune.study.journal.events import Event
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.retention import SILENT_S, find, removable, remove_all
from airflow_sparktune.study.segments import Segments, write_segments
from airflow_sparktune.study.storage import LocalStorage, open_storage
from tests.study.journal_samples import BEGAN, SPEC, chunk, closed, opened, trial, write

DAY_S = 86_400.0


@pytest.fixture(params=["folder", "url"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "folder" else f"memory://{tmp_path}"


def study(root: str, path: str, *, day: int = 0, ended: bool = True) -> str:
    """Write a study whose last event is on a day, and return its address."""
    at = BEGAN + day * DAY_S
    end = [[closed(at=at)]] if ended else []
    write(open_storage(f"{root}/{path}"), 1, [opened(at=at)], [trial(0, 0.5, at=at)], *end)
    return f"{root}/{path}"


def left_after(root: str, keep: Any, *, now: float = BEGAN + 100 * DAY_S, ended: bool = True) -> list[str]:
    """Remove old studies, and return the paths of those that are left."""
    problems: list[str] = []
    extra = removable(
        find(root, problems), Keep.of("keep", keep), problems, now=now, has_ended=lambda _: ended
    )
    remove_all(extra, problems)
    assert problems == []
    return paths(root)


def paths(root: str) -> list[str]:
    """Return the paths of the studies that can be found."""
    return sorted(each.address.removeprefix(f"{root}/") for each in find(root, []))


def test_the_newest_studies_of_each_task_are_kept(root: str) -> None:
    for run in range(4):
        study(root, f"churn/tune/r{run}/g0", day=run)
        study(root, f"demand/tune/r{run}/g0", day=run)
    assert left_after(root, 1) == ["churn/tune/r3/g0", "demand/tune/r3/g0"]
    if "://" not in root:
        assert [path.name for path in Path(root, "churn", "tune").iterdir()] == ["r3"]


def test_the_last_study_of_a_run_takes_the_token_with_it(root: str) -> None:
    for generation in range(3):
        study(root, f"churn/tune/r0/g{generation}", day=generation)
    study(root, "churn/tune/r1/g0", day=9)
    for run in ("r0", "r1"):
        write_owner(f"{root}/churn/tune/{run}", Owner(token="t"))
    assert left_after(root, 2) == ["churn/tune/r0/g2", "churn/tune/r1/g0"]
    assert read_owner(f"{root}/churn/tune/r0") == Owner(token="t")
    assert left_after(root, 1) == ["churn/tune/r1/g0"]
    assert open_storage(f"{root}/churn/tune").names("") == ["r1"]


def test_each_map_index_is_counted_separately(root: str) -> None:
    for run in range(3):
        for index in range(2):
            study(root, f"churn/tune/r{run}/{index}/g0", day=run)
    assert left_after(root, "2") == [f"churn/tune/r{run}/{index}/g0" for run in (1, 2) for index in (0, 1)]


def test_each_segment_is_counted_separately(root: str) -> None:
    """Their application goes with the last of them; a segment that vanished keeps its newest study."""
    both = Segments.of(SPEC, {"north": {}, "south": {}})
    for run in range(3):
        application = f"churn/tune/r{run}/g0"
        write_segments(f"{root}/{application}", both)
        write_owner(f"{root}/churn/tune/r{run}", Owner(token="t"))
        for name in ("north", "south")[: 2 if run < 2 else 1]:
            study(root, address_of(application, name), day=run)
    assert left_after(root, 1) == ["churn/tune/r1/segment=south/g0", "churn/tune/r2/segment=north/g0"]
    assert open_storage(f"{root}/churn/tune").names("") == ["r1", "r2"]
    assert open_storage(f"{root}/churn/tune/r1").names("") == ["dag_run.json", "g0", "segment=south"]


def test_segments_of_the_shell_are_counted_separately(root: str) -> None:
    write_segments(f"{root}/week.study", Segments.of(SPEC, {"north": {}, "south": {}}))
    for day, name in enumerate(("north", "south")):
        study(root, address_of("week.study", name), day=day)
    assert left_after(root, 1) == ["week.study/segment=north", "week.study/segment=south"]
    assert left_after(root, "1d") == []
    assert open_storage(root).names("") == []


def test_a_folder_that_is_only_named_as_a_segment(root: str) -> None:
    """Such a study is one of its folder, as any other, whose record of champions is there."""
    for day, name in enumerate(("fr", "it", "pl")):
        study(root, f"lake/segment={name}", day=day)
    kept = f"{root}/lake/segment=fr"
    Champions(f"{root}/lake").add(Action.FIRST, cause="a", at=1.0, params={"x": 1}, reason="", study=kept)
    assert left_after(root, 1) == ["lake/segment=fr", "lake/segment=pl"]


def test_the_id_of_a_run_may_be_a_number(root: str) -> None:
    """It is no map index, so the runs are counted together, and the record of their task is found."""
    for day, run in enumerate(("20261122", "20261123", "20261124")):
        address = f"{root}/churn/tune/{run}/g0"
        study(root, f"churn/tune/{run}/g0", day=day)
        write_task(address, AirflowTask(dag_id="churn", task_id="tune", run_id=run))
    Champions(f"{root}/churn/tune").add(
        Action.FIRST, cause="a", at=1.0, params={"x": 1}, reason="", study=f"{root}/churn/tune/20261122/g0"
    )
    assert left_after(root, 1) == ["churn/tune/20261122/g0", "churn/tune/20261124/g0"]


def test_studies_older_than_an_age_are_removed(root: str) -> None:
    for day in (10, 80, 99):
        study(root, f"churn/tune/r{day}/g0", day=day)
    assert left_after(root, "30d") == ["churn/tune/r80/g0", "churn/tune/r99/g0"]


def test_studies_not_named_by_airflow_are_counted_together(root: str) -> None:
    for day in (1, 2, 3):
        study(root, f"{day}.study", day=day)
    assert left_after(root, 1) == ["3.study"]


LOST: dict[str, Any] = {"type": "DriverLost", "message": "gone", "retryable": True, "traceback": None}
MISSPELLED: dict[str, Any] = {**LOST, "type": "SpecError", "retryable": False}


@pytest.mark.parametrize(
    "end",
    [
        [],
        [closed("killed")],
        [closed("error", error=LOST)],
    ],
    ids=["silent", "killed", "waits for its retry"],
)
def test_a_study_that_a_retry_may_continue_is_kept_for_a_day(root: str, end: Sequence[Event]) -> None:
    """The driver's clock is years behind here: the time when the storage got the journal counts, too."""
    write(open_storage(f"{root}/churn/tune/r0/g0"), 1, [opened(), trial(0, 0.5)], end)
    for run in (1, 2):
        study(root, f"churn/tune/r{run}/g0", day=run)
    both = ["churn/tune/r0/g0", "churn/tune/r2/g0"]
    patience_s = SPEC.execution.storage_grace + SILENT_S
    assert SILENT_S == DAY_S
    assert left_after(root, 1, now=time.time() + patience_s - 60) == both
    assert left_after(root, 1, now=time.time() + patience_s + 60, ended=False) == both
    assert left_after(root, 1, now=time.time() + patience_s + 60) == both[1:]


def test_a_study_of_a_driver_whose_clock_is_ahead_is_kept(root: str) -> None:
    at = time.time() + 5 * DAY_S
    write(open_storage(f"{root}/r0/g0"), 1, [opened(at=at), trial(0, 0.5, at=at)])
    assert left_after(root, "1h", now=at + DAY_S) == ["r0/g0"]
    assert left_after(root, "1h", now=at + 2 * DAY_S) == []


def test_a_study_with_a_lasting_error_has_a_verdict(root: str) -> None:
    write(open_storage(f"{root}/r0/g0"), 1, [opened()], [closed("error", error=MISSPELLED)])
    assert left_after(root, "1h", now=BEGAN + 7_200) == []


def test_a_study_that_goes_on_after_it_was_listed_is_kept(root: str) -> None:
    """In the shell, hours may pass before a user confirms the removal."""
    address = study(root, "churn/tune/r0/g0", ended=False)
    problems: list[str] = []
    extra = removable(find(root, problems), Keep.of("keep", "1h"), problems, now=time.time() + 2 * DAY_S)
    write(open_storage(address), 2, [opened(2)])
    assert [each.address for each in extra] == [address]
    assert remove_all(extra, problems) == []
    assert problems == [f"the study at {address} was continued meanwhile, and is kept"]
    assert paths(root) == ["churn/tune/r0/g0"]


def test_a_result_is_kept_while_its_run_goes_on(root: str) -> None:
    """A retry of the task, or a task after it, may still read it."""
    for run in range(2):
        study(root, f"churn/tune/r{run}/g0", day=run)
    assert left_after(root, 1, ended=False) == ["churn/tune/r0/g0", "churn/tune/r1/g0"]
    assert left_after(root, 1, ended=True) == ["churn/tune/r1/g0"]


def test_studies_that_production_needs_are_kept(root: str) -> None:
    """Kept are the study that found the champion, the last that confirmed it, and an open proposal."""
    found = [study(root, f"churn/tune/r{run}/g0", day=run) for run in range(6)]
    record = Champions(f"{root}/churn/tune")
    actions = [Action.FIRST, Action.REPLACED, Action.KEPT, Action.KEPT, Action.PROPOSED]
    for action, address in zip(actions, found, strict=False):
        record.add(action, cause=address, at=1.0, params={}, reason="because", study=address)
    assert left_after(root, 1) == [f"churn/tune/r{run}/g0" for run in (1, 3, 4, 5)]
    assert record.current() is not None


def test_a_champion_recorded_under_another_path_is_kept(tmp_path: Path) -> None:
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


def test_an_unreadable_record_keeps_the_studies_of_its_task(root: str) -> None:
    """None is removed while it is unknown what is in production; other tasks are not affected."""
    for run in range(3):
        study(root, f"churn/tune/r{run}/g0", day=run)
        study(root, f"demand/tune/r{run}/g0", day=run)
    open_storage(root).write("churn/tune/@champions/all/00000001.json", b"torn")
    problems: list[str] = []
    extra = removable(find(root, problems), Keep.of("keep", 1), problems, now=BEGAN + 100 * DAY_S)
    assert [each.address.removeprefix(f"{root}/") for each in extra] == [
        "demand/tune/r0/g0",
        "demand/tune/r1/g0",
    ]
    assert len(problems) == 1
    assert "no study of this task is removed" in problems[0]
    assert "torn" in problems[0]


def test_an_unreadable_segment_keeps_the_studies_of_its_task(root: str) -> None:
    """A segment's name is in its entries, so a record of torn entries cannot even be named."""
    for run in range(2):
        study(root, f"churn/tune/r{run}/g0", day=run)
    open_storage(root).write("churn/tune/@champions/segment=fr/00000001.json", b"torn")
    problems: list[str] = []
    assert removable(find(root, problems), Keep.of("keep", 1), problems, now=BEGAN + 100 * DAY_S) == []
    assert ["segment=fr cannot be read" in problem for problem in problems] == [True]


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Return a set of folders, to which a test adds those that this user may not list."""
    found: set[Path] = set()
    names = LocalStorage.names

    def refuse(storage: LocalStorage, folder: str) -> list[str]:
        if storage._root / folder in found:
            raise StorageError(f"the study folder must be readable, got Permission denied for {folder}")
        return names(storage, folder)

    monkeypatch.setattr(LocalStorage, "names", refuse)
    return found


def test_an_unreadable_folder_does_not_hide_the_others(tmp_path: Path, unreadable: set[Path]) -> None:
    for run in range(3):
        study(str(tmp_path), f"churn/tune/r{run}/g0", day=run)
    problems: list[str] = []
    task = tmp_path / "churn" / "tune"
    unreadable.update((task / "r0", task / "r1" / "g0" / "attempts"))
    found = find(str(tmp_path), problems)
    assert [each.address for each in found] == [f"{tmp_path}/churn/tune/r2/g0"]
    assert len(problems) == 2
    assert all("Permission denied" in problem for problem in problems)


def test_an_unreadable_root_is_an_error(tmp_path: Path, unreadable: set[Path]) -> None:
    unreadable.add(tmp_path)
    with pytest.raises(StorageError, match="the study folder must be readable"):
        find(str(tmp_path), [])


def test_the_next_removal_completes_an_interrupted_one(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In between, the remaining files do not read as a study."""
    address = study(root, "churn/tune/r0/g0", day=1)
    study(root, "churn/tune/r1/g0", day=2)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(open_storage(root)), "clear", die)
        with pytest.raises(KeyboardInterrupt):
            left_after(root, 1)
    assert read_study(address).study.attempts == []
    assert open_storage(address).names(FOLDER) != []
    now = time.time() + SILENT_S
    assert left_after(root, 1, now=now - 60) == ["churn/tune/r0/g0", "churn/tune/r1/g0"]  # a driver may write
    assert left_after(root, 1, now=now + 60) == ["churn/tune/r1/g0"]
    assert open_storage(address).names("") == []


def test_a_study_that_was_not_opened_yet_is_kept(root: str) -> None:
    """It may have just been submitted."""
    open_storage(f"{root}/churn/tune/r0/g0").write("spec.json", b"{}")
    open_storage(f"{root}/churn/tune/r1/g0").write(chunk("0001-0a0b0c0d", 1), b"")
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
def test_valid_values_of_keep_studies(written: Any, keep: Keep) -> None:
    assert Keep.of("keep_studies", written) == keep


@pytest.mark.parametrize("written", [0, -1, "", "all", True, 1.5, "0d", "3m", timedelta(0), None])
def test_invalid_values_of_keep_studies(written: Any) -> None:
    with pytest.raises(SpecError, match="keep_studies must be a number of studies, or an age"):
        Keep.of("keep_studies", written)
