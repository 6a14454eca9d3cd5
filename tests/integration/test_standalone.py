"""A study on a standalone Spark cluster in client mode."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.study import Study
from tests.integration.standalone_cluster import worker_with_gpus

pytestmark = pytest.mark.integration


def test_study_on_a_cluster(cluster: str, tmp_path: Path) -> None:
    """Both executors run trials at the same time, with the shipped code."""
    study = _run(cluster, tmp_path, conf=_event_log(tmp_path))
    assert study.finished == 12
    assert study.slots == 2
    assert study.slots_s == pytest.approx(_slot_seconds(study, tmp_path), rel=0.05)
    assert len({trial.info["pid"] for trial in study.trials.values()}) == 2
    shipped = {trial.info["module"] for trial in study.trials.values()}
    assert all("user_code.zip" in module for module in shipped)


def test_dynamic_allocation_grows_with_the_study(cluster: str, tmp_path: Path) -> None:
    """It starts with one executor; Spark adds the other because a trial waits for it."""
    conf = {
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.dynamicAllocation.initialExecutors": 0,
        "spark.dynamicAllocation.maxExecutors": 2,
        **_event_log(tmp_path),
    }
    folder = {"folder": str(tmp_path)}
    study = _run(cluster, tmp_path, objective="model:meets_another", objective_kwargs=folder, conf=conf)
    assert study.finished == 12
    assert study.slots == 2  # and no more than maxExecutors allows
    assert study.slots_s == pytest.approx(_slot_seconds(study, tmp_path), rel=0.05)
    assert len({trial.info["pid"] for trial in study.trials.values()}) == 2


def test_large_shared_data_is_a_file_of_each_executor(cluster: str, tmp_path: Path) -> None:
    """Spark distributes the file, and workers map it. What they report reaches the driver."""
    study = _run(cluster, tmp_path, objective="model:sums", execution={"shared_data": "model:load"}, conf={})
    assert {trial.loss for trial in study.trials.values()} == {1_000_000.0}
    files = {trial.info["file"] for trial in study.trials.values()}
    assert len(files) == 2
    assert not any(Path(file).exists() for file in files)
    assert {number: curve.losses for number, curve in study.curves.items()} == {
        number: [2.0] for number in range(12)
    }


def test_a_trial_has_the_cores_and_the_gpu_that_it_asks_for(cluster: str, tmp_path: Path) -> None:
    """Two GPUs let two trials run at once, on different ones, although there are cores for three."""
    with worker_with_gpus(tmp_path, cluster, cores=6, gpus=["4", "7"]):
        study = _run(
            cluster,
            tmp_path,
            objective="model:on_a_gpu",
            execution={"trial_resources": {"cpus": 2, "gpus": 1}},
            conf={"spark.executor.cores": 6, "spark.executor.resource.gpu.amount": 2},
        )
    found = [trial.info for trial in study.trials.values()]
    assert study.finished == 12
    assert study.slots == 2
    assert all(each["visible"] == each["gpus"] == each["when_imported"] for each in found)
    assert {(each["cpus"], each["threads"]) for each in found} == {(2, "2")}
    assert len({each["pid"] for each in found}) == 12  # CUDA keeps a process's devices until it ends
    ran = {gpu: [(each["start"], each["end"]) for each in found if each["gpus"] == gpu] for gpu in "47"}
    assert sum(map(len, ran.values())) == 12
    assert not any(_overlaps(ran[gpu]) for gpu in ran)
    assert _overlaps(ran["4"] + ran["7"])


def _overlaps(spans: list[tuple[float, float]]) -> bool:
    spans = sorted(spans)
    return any(start < before for (_, before), (start, _) in pairwise(spans))


MODEL = """
import os, time
from pathlib import Path

VISIBLE = os.environ.get("CUDA_VISIBLE_DEVICES")

def loss(params):
    time.sleep(0.5)
    return {"loss": params["x"] ** 2, "pid": os.getpid(), "module": __file__}

def load():
    import numpy
    return numpy.ones(1_000_000)

def sums(params, shared_data, trial):
    time.sleep(0.5)
    trial.report(1, 2.0)
    at = shared_data.ctypes.data
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(each, 16) for each in line.split()[0].split("-"))
        if first <= at < last:
            return {"loss": float(shared_data.sum()), "file": line.split()[5]}

def on_a_gpu(params, trial):
    start = time.monotonic()
    time.sleep(0.5)
    return {
        "loss": params["x"] ** 2, "pid": os.getpid(), "start": start, "end": time.monotonic(),
        "gpus": ",".join(trial.gpus), "visible": os.environ["CUDA_VISIBLE_DEVICES"], "when_imported": VISIBLE,
        "cpus": trial.cpus, "threads": os.environ["OMP_NUM_THREADS"],
    }

def meets_another(params, folder):
    Path(folder, f"{os.getpid()}.worker").touch()
    until = time.monotonic() + 120
    while len(list(Path(folder).glob("*.worker"))) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    return loss(params)
"""


def _event_log(folder: Path) -> dict[str, object]:
    (folder / "events").mkdir()
    return {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.dir": f"file:{folder}/events",
    }


def _slot_seconds(study: Study, folder: Path) -> float:
    """Return the time of the executors' slots until the study's end, by Spark's own event log."""
    assert study.closed is not None
    (log,) = (folder / "events").iterdir()
    total, end = 0.0, study.closed.at
    for event in map(json.loads, log.read_text().splitlines()):
        left_s = max(end - event.get("Timestamp", 0) / 1000, 0.0)
        if event["Event"] == "SparkListenerExecutorAdded":
            total += left_s * event["Executor Info"]["Total Cores"]
        elif event["Event"] == "SparkListenerExecutorRemoved":
            total -= left_s  # each has one core
    return total


def _run(cluster: str, tmp_path: Path, *, conf: Mapping[str, object], **given: object) -> Study:
    (tmp_path / "model.py").write_text(MODEL)
    spec = {
        "objective": "model:loss",
        "space": {"x": {"uniform": [-1, 1]}},
        "max_evals": 12,
        "conf": {
            "spark.pyspark.python": sys.executable,
            "spark.executor.cores": 1,
            "spark.executor.memory": "512m",
            "spark.driver.host": "127.0.0.1",
            **conf,
        },
        **given,
    }
    (tmp_path / "spec.json").write_text(yaml.safe_dump(spec))
    sparktune = Path(sys.executable).parent / "sparktune"
    command = [str(sparktune), "run", str(tmp_path / "spec.json"), "--study", str(tmp_path / "study")]
    told = subprocess.run(
        [*command, "--master", cluster],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return read_study(str(tmp_path / "study")).study
