"""Measure how long the browser takes to list all studies: from packs, from memory, from journals."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow_sparktune.dashboard.browse.attention import Patience
from airflow_sparktune.dashboard.browse.routes import Browser
from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.dashboard.study_list import StudyList
from airflow_sparktune.orchestrator.after import pack_rows
from airflow_sparktune.study.listing.pack import NAME as PACK
from airflow_sparktune.study.record.champions import Action, Champions
from airflow_sparktune.study.storage import LocalStorage, open_storage
from benchmarks.parts.replay import write
from benchmarks.report import Findings

QUESTION = "How long does it take to list all studies?"
TARGET = "2,000 studies of 200 tasks: under 1 s from disk and 5 s from S3, with packs"


@dataclass(frozen=True, slots=True)
class Size:
    """List `studies` of each of `tasks` with `trials` each, on disk and with `s3` on a stand-in for S3."""

    tasks: int
    studies: int
    trials: int
    s3: bool


FULL = Size(tasks=200, studies=10, trials=40, s3=True)
TINY = Size(tasks=2, studies=2, trials=3, s3=False)


@dataclass(frozen=True, slots=True)
class _Everybody:
    """The rights of a user who may read all DAGs."""

    dags: Collection[str]

    def dag_ids(self) -> Collection[str]:
        return self.dags

    def may_read(self, dag_ids: Collection[str]) -> Collection[str]:
        return dag_ids


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - there are no peers
    """Measure the seconds until the last row and until the first, and the CPU time, for a busy machine."""
    with tempfile.TemporaryDirectory() as root:
        _write(Path(root), size)
        rows = []
        if size.s3 and find_spec("moto") is not None:
            with _s3() as url:
                _upload(Path(root), url)
                rows = _measured("S3 (moto)", url, size)
        rows = _measured("disk", root, size) + rows

    def draw(axes: Any) -> None:
        axes.barh([f"{where}, {how}" for where, how, *_ in rows], [row[2] for row in rows])
        axes.set(xlabel="seconds", xscale="log")

    return Findings(("storage", "rows from", "seconds", "first row after", "CPU seconds"), rows, draw)


def _measured(where: str, root: str, size: Size) -> list[tuple[Any, ...]]:
    browser = _browser(root)
    rows = [(where, "packs", *_listed(browser, size)), (where, "memory", *_listed(browser, size))]
    for number in range(size.tasks):
        open_storage(f"{root}/dag{number}/tune").remove([PACK])
    return [*rows, (where, "journals", *_listed(_browser(root), size))]


def _browser(root: str) -> Browser:
    return Browser(StorageRoots((root,)), lambda value, name=None: value, StudyList())  # noqa: ARG005


def _listed(browser: Browser, size: Size) -> tuple[float, float, float]:
    """Return the seconds until all rows are there and until the first is, and this process's CPU seconds."""
    start, cpu = time.monotonic(), time.process_time()
    times: list[float] = []
    found: list[str] = []

    async def read() -> None:
        rights = _Everybody([f"dag{number}" for number in range(size.tasks)])
        async for lines in await browser.lines(rights, Patience()):
            times.append(time.monotonic() - start)
            found.extend(lines.splitlines())

    asyncio.run(read())
    if sum("dag_id" in line for line in found) != size.tasks:
        raise RuntimeError(f"the browser must list {size.tasks} tasks, got {len(found)} lines: {found[-1]}")
    return times[-1], times[0], time.process_time() - cpu


def _write(root: Path, size: Size) -> None:
    """Write one task with a champion and a pack, and copy it."""
    task = root / "dag0" / "tune"
    write(LocalStorage(task / "run0" / "g0"), size.trials, 0, closed=True)
    for study in range(1, size.studies):
        shutil.copytree(task / "run0", task / f"run{study}")
    Champions(str(task)).add(Action.FIRST, cause="run0", at=1.0, params={"x": 1}, reason="first")
    pack_rows(str(task))
    for number in range(1, size.tasks):
        shutil.copytree(root / "dag0", root / f"dag{number}")


@contextmanager
def _s3() -> Iterator[str]:
    """Run a stand-in for S3 in a process of its own, and yield the URL of a bucket there."""
    import fsspec

    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    os.environ |= {
        "AWS_ENDPOINT_URL": server.stdout.readline().strip(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        bucket = f"studies-{uuid.uuid4().hex}"
        fsspec.filesystem("s3").makedirs(bucket)
        yield f"s3://{bucket}"
    finally:
        server.terminate()
        server.wait()


_SERVER = """
import time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
time.sleep(1e6)
"""


def _upload(root: Path, url: str) -> None:
    import fsspec

    fsspec.filesystem("s3").put(f"{root}/", f"{url}/", recursive=True)
