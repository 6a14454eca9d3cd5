"""Studies on S3 with injected faults lose no trial, and need few requests.

SPARKTUNE_FAULT_TABLE names a file that gets a line for each fault, for docs/guides/object-storage.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.storage import FsspecStorage
from airflow_sparktune.study.study import Study
from tests.study.s3.faulty_proxy import Fault, FaultyProxy, Request

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
TABLE = os.environ.get("SPARKTUNE_FAULT_TABLE")


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(address: str) -> Iterator[Start]:
    """Start drivers on the test's study, and end them with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def driver(
        *, slots: int, trials: int, trial_s: float = 0.03, grace_s: float = 60
    ) -> subprocess.Popen[bytes]:
        arguments = (slots, trials, grace_s, trial_s)
        command = [sys.executable, "-m", "tests.integration.chaos_driver", address, *map(str, arguments)]
        started.append(subprocess.Popen(command, cwd=ROOT))
        return started[-1]

    yield driver
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def read(address: str, s3_server: str) -> Callable[[], Study]:
    """Read the study without the proxy, so that the proxy counts only the requests of drivers."""
    storage = FsspecStorage(address)
    storage._files = fsspec.filesystem("s3", endpoint_url=s3_server, use_listings_cache=False)

    def study() -> Study:
        follower = StudyFollower(storage)
        follower.refresh()
        assert follower.problems == []
        return follower.study

    return study


def every(number: int, fault: Fault, *kinds: str) -> Callable[[Request], Fault | None]:
    """Return a chooser that gives every `number`-th request of some kinds the fault."""
    seen, lock = iter(range(10**9)), threading.Lock()

    def choose(request: Request) -> Fault | None:
        if request.kind not in kinds:
            return None
        with lock:
            return fault if next(seen) % number == number - 1 else None

    return choose


def outage(fault: Fault, *, for_s: float) -> Callable[[Request], Fault | None]:
    """Return a chooser that gives all requests the fault for `for_s` seconds, from the tenth PUT on."""
    puts, began = 0, float("inf")

    def choose(request: Request) -> Fault | None:
        nonlocal puts, began
        puts += request.kind == "PUT"
        if puts >= 10:
            began = min(began, time.monotonic())
        return fault if began <= time.monotonic() < began + for_s else None

    return choose


def late(s: float) -> Callable[[Request], Fault | None]:
    """Return a chooser that makes each object readable only `s` seconds after the first try."""
    first: dict[str, float] = {}

    def choose(request: Request) -> Fault | None:
        if request.kind not in ("GET", "HEAD") or not request.path.endswith(".jsonl"):
            return None
        return (
            Fault.NOT_YET if time.monotonic() - first.setdefault(request.path, time.monotonic()) < s else None
        )

    return choose


FAULTS: dict[str, tuple[int, Callable[[FaultyProxy], None]]] = {
    "no fault": (40, lambda proxy: None),
    "2 s per response": (4, lambda proxy: setattr(proxy, "delay_s", 2.0)),
    "503 SlowDown, one in four": (
        40,
        lambda proxy: setattr(proxy, "choose", every(4, Fault.SLOW_DOWN, "PUT", "GET", "LIST")),
    ),
    "503 for 20 s": (
        40,
        lambda proxy: setattr(proxy, "choose", outage(Fault.UNAVAILABLE, for_s=20)),
    ),
    "reset during a PUT, one in four": (
        40,
        lambda proxy: setattr(proxy, "choose", every(4, Fault.RESET_BEFORE, "PUT")),
    ),
    "reset after a PUT, one in four": (
        40,
        lambda proxy: setattr(proxy, "choose", every(4, Fault.RESET_AFTER, "PUT")),
    ),
    "listings 2 s late": (40, lambda proxy: setattr(proxy, "stale_s", 2.0)),
    "objects 2 s late": (40, lambda proxy: setattr(proxy, "choose", late(2.0))),
    "credentials expired for 8 s": (
        40,
        lambda proxy: setattr(proxy, "choose", outage(Fault.EXPIRED, for_s=8)),
    ),
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("trials", "begin"), FAULTS.values(), ids=FAULTS.keys())
def test_a_study_loses_nothing(
    request: pytest.FixtureRequest,
    proxy: FaultyProxy,
    start: Start,
    read: Callable[[], Study],
    trials: int,
    begin: Callable[[FaultyProxy], None],
) -> None:
    """After its driver was killed, the next one continues with all recorded trials."""
    began = time.monotonic()
    begin(proxy)
    first = start(slots=1, trials=trials)
    known: dict[int, object] = {}
    while first.poll() is None and len(known) < trials // 2:
        time.sleep(0.1)
        known = {number: trial for number, trial in read().trials.items() if trial.counts}
    first.kill()
    first.wait()
    time.sleep(proxy.stale_s)  # a real driver starts Spark first, which takes at least as long
    assert start(slots=1, trials=trials).wait(120) == 0
    study = read()
    lost = [number for number, trial in known.items() if study.trials.get(number) != trial]
    _tell(
        fault=request.node.callspec.id,
        trials=trials,
        lost=len(lost),
        s=round(time.monotonic() - began, 1),
        injected={fault.name: count for fault, count in proxy.injected.items()},
        requests=dict(proxy.requests),
    )
    assert lost == []
    assert study.finished == trials == len(study.trials)
    assert study.result_stands


def test_requests_at_parallelism_1(proxy: FaultyProxy, start: Start) -> None:
    """Each trial takes two PUTs, one for its start and one for its end, and few requests for reading."""
    trials, began = 100, time.monotonic()
    assert start(slots=1, trials=trials, trial_s=0.1).wait(120) == 0
    took_s = time.monotonic() - began
    _tell(fault="none, parallelism 1, 0.1 s a trial", trials=trials, requests=dict(proxy.requests))
    assert proxy.requests["PUT"] <= 2 * trials + 10
    # At most one listing per second, and some at the start and the end.
    assert proxy.requests["LIST"] <= took_s + 25
    assert proxy.requests["HEAD"] == 0


def test_requests_at_32_trials_per_second(proxy: FaultyProxy, start: Start) -> None:
    """Trials share PUTs if a PUT takes 30 ms, as on S3."""
    trials = 600
    proxy.delay_s = 0.03
    assert start(slots=32, trials=trials, trial_s=0.95).wait(120) == 0
    _tell(fault="none, parallelism 32, 1 s a trial", trials=trials, requests=dict(proxy.requests))
    assert proxy.requests["PUT"] < 0.2 * trials


def test_a_long_wait_for_trials_needs_few_listings(proxy: FaultyProxy, start: Start) -> None:
    """A driver that waits for its trials checks for a newer attempt only every few seconds."""
    began = time.monotonic()
    assert start(slots=1, trials=2, trial_s=12.0).wait(120) == 0
    assert proxy.requests["LIST"] <= (time.monotonic() - began) / 10 + 20


def _tell(**row: object) -> None:
    if TABLE:
        with Path(TABLE).open("a") as file:
            file.write(json.dumps(row) + "\n")
