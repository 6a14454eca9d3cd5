"""Large values of a task are in the broadcast's file once, and workers map them."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_sparktune import shared
from airflow_sparktune.driver.spark import sharing
from airflow_sparktune.driver.spark.sharing import SharingBroadcast, broadcast
from airflow_sparktune.executor import shared as shared_module
from airflow_sparktune.executor.evaluate import Call, StudyObjective, evaluate
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.pickled import PickledObjective
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.shared import BufferedObjective, Shared, opened
from tests.driver.spark_objectives import Counted

MEGABYTE = 1_048_576


class Worker:
    """A broadcast in a worker, to which PySpark gives the path of the driver's file."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        with path.open("rb") as file:
            self.value = pickle.load(file)


@pytest.fixture(params=["on this machine", "on a cluster"])
def sent(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Broadcast a task without a JVM, which would only transfer the file."""
    cluster = request.param == "on a cluster"
    context: Any = SimpleNamespace(
        _encryption_enabled=False,
        _temp_dir=str(tmp_path),
        _pickled_broadcast_vars=None,
        master="spark://here" if cluster else "local[8]",
    )

    def init(self: SharingBroadcast, context: Any, task: Any, registry: Any) -> None:
        with (tmp_path / "broadcast").open("wb") as file:
            self.dump(task, file)

    monkeypatch.setattr(sharing.Broadcast, "__init__", init)

    def send(task: Any) -> Worker:
        make = task if callable(task) else lambda: task
        broadcast(context, make)
        return Worker(tmp_path / "broadcast")

    return send


class FreshWorker:
    """A broadcast that a worker has received again: PySpark drops it while another study's trial runs."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    @property
    def value(self) -> Any:
        return pickle.loads(Path(self._path).read_bytes())


def spec_objective(value: Any, objective: str = "tests.driver.spark.test_sharing:loss") -> StudyObjective:
    return ImportedObjective(objective, {}, Shared(value))


def loss(params: Any, shared_data: Any) -> dict[str, Any]:
    if params.get("write"):
        shared_data[0] = 1
    return {"loss": float(shared_data[-1]), "writeable": bool(shared_data.flags.writeable)}


def reply(worker: Worker, **params: Any) -> Reply:
    call = Call(params, TrialContext(number=0, seed=1, attempt=1, tries=1))
    (text,) = evaluate(worker, call, iter([0]))
    return Reply.read(text)


def is_mapped(array: Any) -> bool:
    """Return whether an array's memory is the file of the open task."""
    at = array.ctypes.data
    buffers = [np.frombuffer(buffer, dtype="uint8") for buffer in shared_module._buffers.get()]
    return any(each.ctypes.data <= at < each.ctypes.data + each.nbytes for each in buffers)


def test_arrays_are_mapped_and_read_only(sent: Any) -> None:
    """Holds for every memory order and dtype, and beside values without buffers."""
    value = {
        "x": np.arange(MEGABYTE, dtype="float64"),
        "order": np.asfortranarray(np.ones((500, 600))),
        "sliced": np.arange(MEGABYTE)[::2],
        "small": np.arange(3),
        "text": "plain",
    }
    with opened(sent(spec_objective(value))) as task:
        found = task.shared_data.value
        for name in ("x", "order", "sliced", "small"):
            np.testing.assert_array_equal(found[name], value[name])
        assert is_mapped(found["x"])
        assert is_mapped(found["order"])
        assert found["x"].ctypes.data % 64 == found["order"].ctypes.data % 64 == 0
        assert not found["x"].flags.writeable
        assert found["text"] == "plain"


def test_frames_share_pages_too(sent: Any) -> None:
    """Frames of pandas and tables of Arrow share pages too."""
    pa = pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": np.arange(MEGABYTE), "b": np.random.default_rng(1).normal(size=MEGABYTE)})
    table = pa.table({"a": np.arange(MEGABYTE)})
    with opened(sent(spec_objective((frame, table)))) as task:
        found, arrow = task.shared_data.value
        pd.testing.assert_frame_equal(found, frame)
        assert is_mapped(found["b"].to_numpy())
        assert arrow.equals(table)
        assert is_mapped(arrow.column("a").chunk(0).to_numpy())


def test_writing_to_a_tensor_stays_private(sent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write changes neither the file nor the tensor of another worker."""
    torch = pytest.importorskip("torch")
    values = [torch.ones(600, 600), torch.zeros(MEGABYTE, dtype=torch.bfloat16), torch.arange(MEGABYTE)[::2]]
    worker = sent(spec_objective(values))
    with opened(worker) as task:
        found = task.shared_data.value
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, values, strict=True))
        found[0][0, 0] = 7
    monkeypatch.setattr(shared_module, "_objectives", {})
    with opened(worker) as task:
        assert task.shared_data.value[0][0, 0] == 1


def test_writing_to_an_array_fails_with_advice_to_copy(sent: Any) -> None:
    """Only the trial that writes fails, with advice to copy; other trials read the original data."""
    worker = sent(spec_objective(np.zeros(MEGABYTE)))
    failure = reply(worker, write=True).failure
    assert failure is not None
    assert "assignment destination is read-only; shared data is read-only" in failure.message
    assert "array.copy()" in failure.message
    good = reply(worker)
    assert (good.loss, good.info) == (0.0, {"writeable": False})


def test_small_values_are_part_of_the_task(sent: Any) -> None:
    """Small values belong to the trial and are writable."""
    worker = sent(spec_objective(np.zeros(100)))
    assert not isinstance(worker.value, BufferedObjective)
    assert reply(worker, write=True).info == {"writeable": True}


def test_values_without_buffers_are_part_of_the_task(sent: Any) -> None:
    """Values without buffers are pickled with the task, at any size."""
    assert not isinstance(sent(spec_objective(["x" * 100] * 100_000)).value, BufferedObjective)


def test_the_functions_of_scripts_close_over_shared_values(sent: Any) -> None:
    """A function may close over several shared values; other arrays stay part of the function."""
    import pyspark.cloudpickle as cloudpickle

    first, second = shared(np.arange(MEGABYTE)), shared({"y": np.ones(MEGABYTE)})
    own = np.zeros(MEGABYTE)

    def objective(params: Any) -> dict[str, Any]:
        own[0] = 1
        mapped = not (first.value.flags.writeable or second.value["y"].flags.writeable)
        return {"loss": float(first.value[3] + second.value["y"][3]), "status": "ok", "mapped": mapped}

    worker = sent(lambda: PickledObjective(cloudpickle.dumps(objective), cloudpickle.dumps))
    assert isinstance(worker.value, BufferedObjective)
    call = Call(pickle.dumps({}), TrialContext(number=0, seed=1, attempt=1, tries=1))
    for _ in range(2):  # the function is loaded once
        text, answer = evaluate(worker, call, iter([0]))
        assert Reply.read(text).loss == 4.0
        assert pickle.loads(answer)["mapped"]
    assert objective({})["loss"] == 4.0  # on the driver the value is unchanged


def test_a_shared_value_can_be_pickled_outside_a_broadcast() -> None:
    """Outside of a broadcast, the pickle contains the whole value."""
    again = pickle.loads(pickle.dumps(shared(np.arange(MEGABYTE))))
    np.testing.assert_array_equal(again.value, np.arange(MEGABYTE))


def test_a_value_that_cannot_be_pickled(sent: Any) -> None:
    """The error names the type that cannot be pickled."""
    with pytest.raises(pickle.PicklingError, match="TypeError: cannot pickle"):
        sent(spec_objective(open(__file__)))  # noqa: PTH123, SIM115


def test_the_driver_releases_its_copy(sent: Any) -> None:
    """After the file is written, the driver keeps no other copy."""
    import gc
    import weakref

    value = np.arange(MEGABYTE)
    alive = weakref.ref(value)
    task = spec_objective(value)
    sent(task)
    del value, task
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize(("studies", "loads"), [(2, 2), (1, 8)])
def test_studies_that_take_turns_in_a_worker_are_loaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, studies: int, loads: int
) -> None:
    """A worker keeps as many as share the application, so that the data of an ended study is freed."""
    monkeypatch.setattr(Counted, "loads", 0)
    task = spec_objective(Counted(), "tests.driver.spark_objectives:counts_loads")
    for name in ("north", "south"):
        (tmp_path / name).write_bytes(pickle.dumps(task))
    for number in range(4):
        for name in ("north", "south"):
            trial = TrialContext(number, seed=1, attempt=1, tries=1)
            list(evaluate(FreshWorker(tmp_path / name), Call({}, trial, name, studies), iter([0])))
    assert Counted.loads == loads


def test_a_script_s_function_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where encryption leaves a broadcast without a file."""
    monkeypatch.setattr(Counted, "loads", 0)
    function = pickle.dumps(partial(loss_of, Counted()))
    worker = SimpleNamespace(value=PickledObjective(function, pickle.dumps))
    for number in range(4):
        trial = TrialContext(number, seed=1, attempt=1, tries=1)
        list(evaluate(worker, Call(pickle.dumps({}), trial), iter([0])))  # type: ignore[arg-type]
    assert Counted.loads == 1


def loss_of(data: Counted, params: Any) -> float:
    return 0.0
