"""Arbitrary content of a study folder causes no exception, no hang, and no excessive cost."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.errors import SparktuneError, StorageError, describe
from airflow_sparktune.loaded_study import load_study
from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Closed, Reported, SparkStarted
from airflow_sparktune.study.journal.problems import MOST_PROBLEMS
from airflow_sparktune.study.journal.spark_application import SparkApplication
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.journal.writer import StreamWriter
from airflow_sparktune.study.result import summary, trial_row
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage, MemoryStorage, Storage
from airflow_sparktune.study.trial import Failure, FailureKind, TrialState
from tests.study.journal_samples import (
    BEGAN,
    SPEC,
    chunk,
    closed,
    data,
    follow,
    line,
    losses,
    opened,
    trial,
    write,
)

STREAM = "0001-0a0b0c0d"
FAILED = trial(1).trial.ended(
    TrialState.FAILED, end=BEGAN + 9, error=Failure(FailureKind.RAISED, "ValueError: bad", "Traceback ...")
)
WHOLE: list[dict[str, Any]] = [
    data(opened()),
    data(SparkStarted(at=BEGAN, spark=SparkApplication(application="app-1", ui="http://host:4040"))),
    data(trial(0)),
    data(Reported(at=BEGAN, trials=(TrialReports(0, [1, 2], [0.75, 0.5], [{"accuracy": 0.5}, {}]),))),
    data(trial(0, 0.5)),
    {**data(trial(1)), "trial": FAILED.to_json()},
    data(
        Closed(
            at=BEGAN + 9, reason=StopReason.ERROR, error=describe(SparktuneError("no")), timing={"ask_s": 1.0}
        )
    ),
]
DEEP: Any = 0
for _ in range(600):
    DEEP = [DEEP]
ODD: list[Any] = [
    *(
        None,
        True,
        -1,
        0.5,
        10**400,
        -(10**400),
        1.7e308,
        2**70,
        "",
        "text",
        "\ud8ff",
        "\x1b[2J\x07",
        "9" * 400,
    ),
    *([], {}, [[]], {"a": None}, {"": {}}, DEEP, "http://[x", "x" * 100_000),
]


def everything(storage: Storage) -> str:
    """Read a study and query everything; all answers must be text that can be sent."""
    follower = follow(storage)
    study = follower.study
    rows = [trial_row(each) for each in study.trials.values()]
    rows += [each.rows() for each in study.curves.values()]
    spark = [
        each.spark.web_page(ended=ended) for each in study.attempts if each.spark for ended in (True, False)
    ]
    answer = json.dumps(
        [summary(study).to_json(), rows, spark, follower.problems, study.dimensions], allow_nan=False
    )
    json.dumps([summary(study).to_json(), rows], ensure_ascii=False).encode()
    assert len(follower.problems) <= MOST_PROBLEMS + 1
    assert all(problem.isprintable() for problem in follower.problems)
    for each in study.trials.values():
        assert each.error is None or each.error.headline.isprintable()
    return answer


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Yield the path of each value in JSON data."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """Return a copy of JSON data with the value at a path replaced."""
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], odd)
    return copy


MUTATIONS = [(at, path) for at, event in enumerate(WHOLE) for path in places(event)]


@given(st.lists(st.tuples(st.sampled_from(MUTATIONS), st.sampled_from(ODD)), min_size=1, max_size=3))
def test_a_mutated_journal_is_read(mutations: list[tuple[tuple[int, tuple[Any, ...]], Any]]) -> None:
    """A replaced value costs at most its event, and the remaining study can be shown and sent."""
    lines = list(WHOLE)
    for (at, path), odd in mutations:
        if path in places(lines[at]):
            lines[at] = replaced(lines[at], path, odd)
    storage = MemoryStorage()
    write(storage, 1, lines, stream=STREAM)
    everything(storage)


@given(st.binary(max_size=2_000), st.integers(0, 5_000), st.booleans())
def test_a_damaged_file_is_read(junk: bytes, at: int, replace: bool) -> None:
    """Bytes may be inserted anywhere into a chunk, or replace it."""
    storage = MemoryStorage()
    write(storage, 1, WHOLE, stream=STREAM)
    (name,) = storage.files
    content = storage.files[name]
    storage.files[name] = junk if replace else content[:at] + junk + content[at:]
    everything(storage)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=20,
)


@given(st.sampled_from(["opened", "trial", "slots", "spark", "alive", "closed"]), JSON, JSON)
def test_an_event_with_any_values_is_read(kind: str, one: Any, other: Any) -> None:
    """An event of a known kind may have any JSON as its fields."""
    storage = MemoryStorage()
    made = {"event": kind, kind: one, "at": 1.0, "trial": one, "spec": other, "reason": "error", "error": one}
    write(storage, 1, [opened(), made, trial(5, 0.5)], stream=STREAM)
    everything(storage)
    assert 5 in follow(storage).study.trials


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("00000002-99999999.jsonl", b"{}", id="a name that claims many events"),
        pytest.param("00000002-00999999.jsonl", b"\n" * 2**20, id="empty lines"),
        pytest.param("00000002-00999999.jsonl", b"x\n" * 2**19, id="lines of junk"),
        pytest.param("00000002-00999999.jsonl", b"{}\n" * 350_000, id="lines of nothing"),
        pytest.param("00000002-00000002.jsonl", b"\0" * 2**20, id="zeros"),
        pytest.param("00000002-00000002.jsonl", b"[" * 2**20, id="nested"),
        pytest.param("00000002-00000002.jsonl", b'{"event":"slots","slots":' + b"9" * 2**20, id="digits"),
        pytest.param("00000002-00000002.jsonl", b'{"event":"x","a":[' + b"[]," * 2**18 + b"0]}", id="lists"),
    ],
)
def test_the_cost_of_a_file_is_limited(tmp_path: Path, name: str, content: bytes) -> None:
    """Reading a megabyte of any content takes at most seconds of CPU time, and 200 megabytes."""
    storage = LocalStorage(tmp_path)
    write(storage, 1, [opened()], stream=STREAM)
    storage.write(f"{FOLDER}/{STREAM}/{name}", content)
    start = time.process_time()
    everything(storage)
    # Ten times the time on an idle machine, because other processes use its caches too.
    assert time.process_time() - start < 10
    tracemalloc.start()
    try:
        everything(storage)
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()


def test_an_objective_that_replaces_json_does_not_damage_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials on the driver can change modules that the driver uses."""
    storage = MemoryStorage()
    for name in ("dumps", "loads", "dump", "load"):
        monkeypatch.setattr(f"json.{name}", lambda *_, **__: "{")
    recorded = StreamWriter(storage, 1)
    recorded.append(opened())
    recorded.append(trial(0, 0.5))
    recorded.commit()
    found = follow(storage)
    monkeypatch.undo()
    assert losses(found.study) == losses(follow(storage).study) == {0: 0.5}
    assert found.problems == []


def test_one_bad_event_costs_that_event() -> None:
    """Events before and after it in its chunk count."""
    storage = MemoryStorage()
    huge = data(trial(1, 0.5))
    huge["trial"]["loss"] = 10**400
    write(storage, 1, [opened(), trial(0, 0.5), huge, trial(2, 0.25)])
    study = follow(storage).study
    assert losses(study) == {0: 0.5, 2: 0.25}


def test_an_error_that_no_encoding_can_write_is_kept() -> None:
    """An error message may contain a lone surrogate from a file name."""
    failure = Failure(FailureKind.RAISED, "ValueError: row " + os.fsdecode(b"\xff"))
    ended = trial(0).trial.ended(TrialState.FAILED, end=BEGAN + 1, error=failure)
    storage = MemoryStorage()
    write(storage, 1, [opened(), {**data(trial(0)), "trial": ended.to_json()}])
    found = follow(storage).study.trials[0].error
    assert found == failure
    assert found.message == "ValueError: row ?"


@pytest.mark.parametrize(("message", "headline"), [("", "raised"), ("\n\n", "raised"), (" one\ntwo", "one")])
def test_a_failure_has_a_headline(message: str, headline: str) -> None:
    """An exception may have an empty message."""
    assert Failure(FailureKind.RAISED, message).headline == headline


def test_a_chunk_without_read_permission_is_skipped_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader continues without it; a driver refuses, because it would run unread trials again."""
    from airflow_sparktune.driver.recorder import Recorder

    storage = LocalStorage(tmp_path)
    write(storage, 1, [opened()], [trial(0, 0.5)], [trial(1, 0.25)], stream=STREAM)
    forbidden = chunk(STREAM, 2)
    read = LocalStorage.read

    def refuse(self: LocalStorage, name: str) -> bytes:
        if name == forbidden:
            raise StorageError(f"the study folder must be readable, got Permission denied for {name}")
        return read(self, name)

    monkeypatch.setattr(LocalStorage, "read", refuse)
    follower = follow(storage)
    assert losses(follower.study) == {1: 0.25}
    assert "Permission denied" in follower.problems[0]
    with pytest.raises(StorageError, match=f"may not read {forbidden}; give this user"):
        Recorder.open(storage, follower, spec=SPEC, seed=1, dimensions=(), take_over=True)


def test_links_and_pipes_are_not_read_as_chunks(tmp_path: Path) -> None:
    """Trials of another study, system files and endless files are not read."""
    other = LocalStorage(tmp_path / "other")
    write(other, 1, [opened()], [trial(7, 0.1)], stream=STREAM)
    root = tmp_path / "study"
    storage = LocalStorage(root)
    write(storage, 1, [opened()], stream=STREAM)
    folder = root / FOLDER / STREAM
    (folder / "00000002-00000002.jsonl").symlink_to(tmp_path / "other" / chunk(STREAM, 2))
    (folder / "00000003-00000003.jsonl").symlink_to("/dev/zero")
    os.mkfifo(folder / "00000004-00000004.jsonl")
    (folder / "00000005-00000005.jsonl").symlink_to("00000005-00000005.jsonl")
    (root / FOLDER / "0002-0a0b0c0d").symlink_to(tmp_path / "other" / FOLDER / STREAM)
    (root / FOLDER / "0003-0a0b0c0d").symlink_to("/etc")
    storage.write(chunk(STREAM, 6), line(trial(0, 0.5)))
    follower = follow(storage)
    assert losses(follower.study) == {0: 0.5}
    assert "passwd" not in " ".join(follower.problems)


def test_many_problems_are_summarised(tmp_path: Path) -> None:
    """The number of bad attempts, files and events does not matter."""
    storage = MemoryStorage()
    for attempt in range(1, 200):
        write(storage, attempt, [{"event": "opened", "at": attempt}])
        storage.write(f"{FOLDER}/\x1b[31m{attempt}", b"")
    everything(storage)
    assert "more problems" in follow(storage).problems[-1]


def test_a_study_with_hostile_texts_can_be_loaded(tmp_path: Path) -> None:
    """load_study works too."""
    texts = Spec.of(objective="m:f", space={"\x1b[2J": {"choice": ["\x1b", 1]}}, max_evals=3)
    write(LocalStorage(tmp_path), 1, [opened(spec=texts), trial(0, 0.5), closed()])
    assert len(load_study(str(tmp_path)).trials_dataframe()) == 1
