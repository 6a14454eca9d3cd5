"""Many small studies: segments of one application, beside an application for each of them, four at once."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.launcher import Launcher, launcher_to
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.user_code import UserCode, gather_code
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.file import write_spec
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.segments import Segments, write_segments
from benchmarks.objectives import SPACE
from benchmarks.report import Findings, ratio
from benchmarks.spark.shared_data import SAMPLE_S, family_mib

QUESTION = "What do forty small studies cost in one application, and as forty mapped tasks?"
TARGET = (
    "a third of the wall time and 0.4 of the memory of mapped tasks, four at once with two slots each; "
    "memory of 40 segments at most 1.1 times that of 10; slots busy at least 90 % from the first trial "
    "to the last"
)
OBJECTIVE = Path(__file__).parents[1] / "objectives.py"
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Size:
    """Segments of so many `trials` of `seconds` each on `slots` slots, and `few` of them."""

    segments: int
    few: int
    trials: int
    seconds: float
    slots: int


FULL = Size(segments=40, few=10, trials=24, seconds=0.5, slots=8)
TINY = Size(segments=4, few=2, trials=2, seconds=0.01, slots=4)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds and MiB of all processes of one way to run the segments, and how busy the slots were."""

    wall_s: float
    peak_mib: float
    busy: float


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is the point
    """Measure one application with many and with few segments, and the mapped tasks."""
    few = _cost(one_application, size, size.few)
    many = _cost(one_application, size, size.segments)
    mapped = _cost(mapped_tasks, size, size.segments)
    rows: list[tuple[Any, ...]] = [
        (who, count, cost.wall_s, ratio(cost.wall_s, mapped.wall_s), cost.peak_mib,
         ratio(cost.peak_mib, mapped.peak_mib), cost.busy)
        for who, count, cost in (
            ("one application", size.few, few),
            ("one application", size.segments, many),
            ("mapped tasks", size.segments, mapped),
        )
    ]  # fmt: skip

    def draw(axes: Any) -> None:
        axes.barh([f"{who}, {count} segments" for who, count, *_ in rows], [row[2] for row in rows])
        axes.set(xlabel="seconds")

    columns = ("who", "segments", "seconds", "of mapped", "peak MiB", "of mapped's", "slots busy")
    note = (
        f"memory is the PSS of all processes; {many.peak_mib / few.peak_mib:.2f} times that of few segments"
    )
    return Findings(columns, rows, draw, [note])


def _cost(run: Callable[[Path, Size, int], list[str]], size: Size, count: int) -> Cost:
    with tempfile.TemporaryDirectory() as name, _sampled() as samples:
        start = time.monotonic()
        studies = run(Path(name), size, count)
        wall_s = time.monotonic() - start
        return Cost(wall_s, max(samples), _busy(studies, size))


def one_application(folder: Path, size: Size, count: int) -> list[str]:
    """Run the segments on all slots; return the addresses of their studies."""
    spec, code = _spec(size)
    address = str(folder / "run" / "g0")
    segments = Segments.of(spec, {f"s{index}": {} for index in range(count)})
    write_segments(address, segments)
    launcher = _launcher(size.slots)
    submission = launcher.submission(Job(address=address, spec=spec, code=code), _work(folder, "one"))
    arguments = ("--study", address, "--work", str(submission.folder), "--segments-sha256", segments.sha256)
    _follow(launcher, replace(submission, arguments=arguments))
    return [address_of(address, name) for name in segments.names]


def mapped_tasks(folder: Path, size: Size, count: int) -> list[str]:
    """Run an application for each segment, some at once, each on its part of the slots."""
    spec, code = _spec(size)

    def run(index: int) -> str:
        address = str(folder / str(index) / "g0")
        write_spec(address, spec)
        launcher = _launcher(size.slots // AT_ONCE)
        job = Job(address=address, spec=spec, code=code)
        _follow(launcher, launcher.submission(job, _work(folder, f"work{index}")))
        return address

    with ThreadPoolExecutor(AT_ONCE) as tasks:
        return list(tasks.map(run, range(count)))


def _spec(size: Size) -> tuple[Spec, UserCode | None]:
    given: Mapping[str, Any] = {
        "objective": f"{OBJECTIVE}:nap", "objective_kwargs": {"seconds": size.seconds}, "space": SPACE
    }  # fmt: skip
    named, code = gather_code(given, bases=())
    return Spec.of(**named, max_evals=size.trials), code


def _launcher(slots: int) -> Launcher:
    """Return the launcher of `sparktune run`."""
    install = SparkInstall.find("spark-submit")
    return launcher_to(
        Target(master=f"local[{slots}]", deploy_mode="client", install=install), output=lambda _: None
    )


def _work(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def _follow(launcher: Launcher, submission: Submission) -> None:
    failure = launcher.follow(submission, lambda: None)
    if failure is not None:
        raise failure


@contextmanager
def _sampled() -> Iterator[list[float]]:
    """Yield the memory of the processes below this one, in MiB, a sample now and then."""
    samples, over = [0.0], threading.Event()
    own = family_mib(os.getpid())

    def sample() -> None:
        while not over.wait(SAMPLE_S):
            samples.append(family_mib(os.getpid()) - own)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield samples
    finally:
        over.set()
        sampler.join()


def _busy(addresses: list[str], size: Size) -> float:
    """Return the share of the slots' time, from the first trial to the last, in which trials ran."""
    trials = [trial for each in addresses for trial in read_study(each).study.trials.values()]
    spans = [(trial.start or 0.0, trial.end or 0.0) for trial in trials]
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    return sum(end - start for start, end in spans) / (size.slots * (last - first))
