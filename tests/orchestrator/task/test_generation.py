"""Retries continue a study. A clear starts over, and so does a new DAG run with the id of a deleted one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import DriverLost, StorageUnavailable
from airflow_sparktune.orchestrator.task import generation
from airflow_sparktune.study.files.generations import NAME, earlier_generations, generations
from airflow_sparktune.study.journal.follow import read_study
from tests.orchestrator.conftest import RUN, Store


class Runs:
    """Runs the task of one run id; `store` is the state store of the current DAG run."""

    def __init__(self, operator: Any, run: Any, spark_submit: Any, folder: Path) -> None:
        self.store: Store | None = Store()
        self.clears = 0
        self.folder = folder
        self._operator, self._run, self._spark_submit = operator, run, spark_submit

    def succeed(self, *, retries: int = 0, max_tries: int | None = None, **given: Any) -> str:
        """Run one try; returns the name of its study's folder."""
        self._spark_submit("works")
        task = self._operator(retries=retries, **given)
        most = retries if max_tries is None else max_tries
        _, ti = self._run(task, store=self.store, clears=self.clears, max_tries=most)
        return Path(ti.pushed["study"]).name

    def crash(self, *, retries: int = 0, max_tries: int | None = None) -> None:
        """Run one try whose driver does not start."""
        self._spark_submit("dies early")
        task = self._operator(retries=retries)
        most = retries if max_tries is None else max_tries
        with pytest.raises(Exception, match="none did in this try"):
            self._run(task, store=self.store, clears=self.clears, max_tries=most)

    def attempts(self, name: str) -> int:
        return len(read_study(str(self.folder / name)).study.attempts)

    @property
    def owner(self) -> Any:
        return json.loads((self.folder / NAME).read_text())


@pytest.fixture
def runs(operator: Any, run: Any, spark_submit: Any, storage: Path) -> Runs:
    return Runs(operator, run, spark_submit, storage / RUN)


def test_a_run_that_was_deleted_and_triggered_again_starts_over(runs: Runs) -> None:
    assert runs.succeed() == "g0"
    runs.store = Store()  # Airflow deletes it with the run
    runs.crash(retries=2)
    assert runs.succeed(retries=2) == "g1"
    assert runs.succeed(retries=2) == "g1"
    assert (runs.attempts("g0"), runs.attempts("g1")) == (1, 1)
    assert earlier_generations(str(runs.folder / "g1")) == []  # nothing of the deleted run is taken over


def test_a_clear_starts_over_and_its_retries_resume(runs: Runs) -> None:
    assert runs.succeed(retries=1) == "g0"
    runs.crash(retries=1, max_tries=2)
    assert runs.succeed(retries=1, max_tries=2) == "g1"
    assert earlier_generations(str(runs.folder / "g1")) == [str(runs.folder / "g0")]
    assert runs.succeed(retries=1, max_tries=4) == "g2"


def test_a_retry_resumes_after_the_retries_of_the_task_have_changed(runs: Runs) -> None:
    runs.crash(retries=2)
    assert runs.succeed(retries=0, max_tries=2) == "g0"
    assert runs.succeed(retries=5, max_tries=2) == "g0"


def test_a_clear_starts_over_whatever_the_retries_are_then(runs: Runs) -> None:
    """With one retry less after one try, Airflow's max_tries stays the same."""
    assert runs.succeed(retries=3) == "g0"
    runs.clears = 1
    assert runs.succeed(retries=2, max_tries=3) == "g1"
    runs.clears = 2
    assert runs.succeed(retries=9, max_tries=11) == "g2"


def test_a_clear_of_segments_starts_over_once_all_have_ended(runs: Runs) -> None:
    """Until then, another generation would only take over their trials."""
    segments = {"north": {}, "south": {"does": "waits for a lane"}}
    with pytest.raises(DriverLost):
        runs.succeed(segments=segments)
    runs.clears = 1
    with pytest.raises(DriverLost):
        runs.succeed(segments=segments)
    assert generations(str(runs.folder)) == [0]
    assert runs.succeed(segments={"north": {}, "south": {}}) == "g0"
    runs.clears = 2
    assert runs.succeed(segments={"north": {}, "south": {}}) == "g1"


def test_the_clear_of_another_task_of_the_run_does_not_stop_a_retry(runs: Runs) -> None:
    """For example of another map index, while this one waits for its retry."""
    runs.crash(retries=3)
    runs.clears = 1
    assert runs.succeed(retries=3) == "g0"


@pytest.mark.parametrize("step", ["store", "folder"])
def test_a_task_that_dies_while_it_starts_over_can_be_retried(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The store is written before the folder, so the retry knows which run it belongs to."""
    assert runs.succeed() == "g0"
    runs.store = Store()

    def die(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("the worker dies here")

    with monkeypatch.context() as patched:
        patched.setattr(*((Store, "set") if step == "store" else (generation, "write_owner")), die)
        with pytest.raises(StorageUnavailable):
            runs.succeed()
    first = runs.succeed()
    assert first != "g0"
    assert runs.succeed() == first
    assert runs.owner["token"] == runs.store.values["study"]["token"]


def test_a_store_that_is_emptied_on_success(runs: Runs) -> None:
    """`[state_store] clear_on_success` empties it; a try after that is a clear."""
    assert runs.succeed() == "g0"
    runs.store = Store()
    runs.crash(max_tries=1, retries=0)
    assert runs.succeed(max_tries=1) == "g1"


def test_the_folder_of_another_airflow_is_not_continued(runs: Runs) -> None:
    """Two Airflows may share a storage by mistake."""
    ours = runs.store
    assert runs.succeed() == "g0"
    runs.store = Store()
    assert runs.succeed() == "g1"
    runs.store = ours
    assert runs.succeed() == "g2"
    assert runs.succeed() == "g2"


@pytest.mark.parametrize("content", [b"torn", b"{}", b'{"token": 1, "first": 0}'])
def test_an_invalid_copy_of_the_token_counts_as_that_of_another_run(runs: Runs, content: bytes) -> None:
    assert runs.succeed() == "g0"
    (runs.folder / NAME).write_bytes(content)
    assert runs.succeed() == "g1"
    assert runs.succeed() == "g1"


def test_without_a_store_the_clears_are_counted(runs: Runs) -> None:
    """As in `dag.test()`; no token is written."""
    runs.store = None
    assert runs.succeed(retries=1) == "g0"
    assert runs.succeed(retries=1, max_tries=2) == "g1"
    assert not (runs.folder / NAME).exists()
    runs.store = Store()
    assert runs.succeed(retries=1, max_tries=2) == "g1"
    assert earlier_generations(str(runs.folder / "g1")) == [str(runs.folder / "g0")]


def test_the_record_does_not_expire(runs: Runs) -> None:
    """Airflow deletes other keys after 30 days; a task may be cleared later."""
    runs.succeed()
    assert runs.store is not None
    assert runs.store.lasting == {"study"}
    assert runs.store.values["study"] == {
        "token": runs.owner["token"],
        "generation": 0,
        "max_tries": 0,
        "clears": 0,
    }


def test_each_map_index_has_its_own_token(operator: Any, run: Any, spark_submit: Any, storage: Path) -> None:
    spark_submit("works")
    for index in (0, 1):
        run(operator(), store=Store(), map_index=index)
    found = [json.loads((storage / RUN / str(index) / NAME).read_text())["token"] for index in (0, 1)]
    assert found[0] != found[1]
