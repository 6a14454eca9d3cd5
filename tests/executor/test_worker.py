"""A worker is kept for the next trial, unless its trial has GPUs; then it sees only these."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from pyspark import TaskContext
from pyspark.resource import ResourceInformation

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.executor import worker
from airflow_sparktune.executor.evaluate import Call, check, evaluate
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.reply import Reply


@pytest.fixture
def fresh_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(worker, "_trials", count())
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("fresh_worker")
def test_rows_are_consumed() -> None:
    """PySpark ends a worker that leaves its input unread."""
    rows = iter([0, 1])
    worker.keep_worker(rows)
    assert list(rows) == []


@pytest.mark.usefixtures("fresh_worker")
def test_objects_of_the_first_two_trials_are_frozen() -> None:
    """From the third trial on, nothing more is frozen, because frozen objects are never collected."""
    frozen, kept = [], []
    for _ in range(4):
        worker.keep_worker(iter([]))
        frozen.append(gc.get_freeze_count())
        kept.append([[] for _ in range(1000)])
    assert frozen[0] > 0
    assert frozen[1] >= frozen[0] + 1000
    # A frozen object is still freed when its last reference is gone.
    assert max(frozen[2:]) < frozen[1] + 1000


@pytest.mark.parametrize(
    ("given", "addresses", "seen"),
    [
        (None, ["1"], "1"),
        (None, ["GPU-8a1b", "GPU-9c2d"], "GPU-8a1b,GPU-9c2d"),
        ("4,7", ["0"], "4"),
        ("4, 7", ["1", "0"], "7,4"),
        ("4,7", ["7"], "7"),  # not a position, but one of them
        ("GPU-8a1b,GPU-9c2d", ["GPU-9c2d"], "GPU-9c2d"),
    ],
)
def test_a_trial_sees_only_its_gpus(given: str | None, addresses: list[str], seen: str) -> None:
    """What the executor may use is sliced."""
    environ = {} if given is None else {worker.VISIBLE: given}
    assert ",".join(worker.show_only(addresses, environ)) == seen
    assert environ[worker.VISIBLE] == seen
    assert environ.get("CUDA_DEVICE_ORDER") == (None if given else "PCI_BUS_ID")


@pytest.mark.parametrize(("given", "address"), [("4,7", "5"), ("", "0"), ("GPU-8a1b", "1")])
def test_a_gpu_that_the_executor_may_not_use_is_refused(given: str, address: str) -> None:
    environ = {worker.VISIBLE: given}
    rule = f"got '{address}' and '{given}' on the executor; let the discovery script print"
    with pytest.raises(PlatformError, match=rule):
        worker.show_only([address], environ)
    assert environ == {worker.VISIBLE: given}


class Task:
    """Spark's context of a task with two GPUs."""

    def cpus(self) -> int:
        return 3

    def resources(self) -> dict[str, Any]:
        return {"gpu": ResourceInformation("gpu", ["0", "2"])}


class Sent:
    """A broadcast of an objective that returns what the trial holds."""

    value = ImportedObjective("tests.executor.user_code:holds", {})


@pytest.mark.parametrize("runs", ["trial", "check"])
def test_a_worker_with_gpus_runs_one_task(runs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves its input unread, so PySpark ends it."""
    monkeypatch.setattr(TaskContext, "get", Task)
    monkeypatch.setenv(worker.VISIBLE, "4,5,6")
    rows = iter([0, 1])
    if runs == "trial":
        (reply,) = evaluate(Sent(), Call({}, TrialContext(0, seed=1, attempt=1, tries=1)), rows)
        assert Reply.read(reply).info == {"cpus": 3, "gpus": ["4", "6"], "visible": "4,6"}
    else:
        (report,) = check(Sent(), rows)
        assert json.loads(report)["error"] is None
    assert list(rows) == [0, 1]


def test_a_check_finds_gpus_that_the_executor_may_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TaskContext, "get", Task)
    monkeypatch.setenv(worker.VISIBLE, "4")
    (report,) = check(Sent(), iter([0]))
    assert "got '2' and '4' on the executor" in json.loads(report)["error"]


@pytest.mark.usefixtures("fresh_worker")
def test_a_check_freezes_nothing_and_keeps_the_worker() -> None:
    """What the objective imports is not there yet."""
    rows, frozen = iter([0, 1]), gc.get_freeze_count()
    (report,) = check(Sent(), rows)
    assert json.loads(report)["error"] is None
    assert gc.get_freeze_count() == frozen
    assert list(rows) == []
