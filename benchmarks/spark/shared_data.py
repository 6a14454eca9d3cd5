"""Large data that every trial reads: the memory of all processes, and the first trial of a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.report import Findings, ratio

QUESTION = "What does data cost that every trial reads?"
TARGET = (
    "memory in the steady state at most 1.3 times the data beyond what a study without data takes; "
    "a worker's first trial within 0.3 s of its later ones"
)

SAMPLE_S = 0.5
# A Python that has Ray, where that is another one.
RAY_PYTHON = "RAY_PYTHON"


@dataclass(frozen=True, slots=True)
class Size:
    """Data of so many megabytes (MiB), read by trials in so many slots."""

    megabytes: tuple[int, ...]
    slots: int


FULL = Size(megabytes=(1, 512, 2048), slots=8)
TINY = Size(megabytes=(2,), slots=2)


@dataclass(frozen=True, slots=True)
class Cost:
    """MiB of all processes at the most and while trials run; seconds of first and of later trials."""

    peak_mib: float
    steady_mib: float
    first_s: float
    later_s: float


def measure(size: Size, *, peers: bool) -> Findings:
    """Each contestant without data, then with it."""
    rows: list[tuple[Any, ...]] = []
    notes = [
        f"{size.slots} slots on one machine; memory is the PSS of all processes, trials read all of the data"
    ]
    for who in ("sparktune", "broadcast", "Ray") if peers else ("sparktune",):
        if who == "Ray" and RAY_PYTHON not in os.environ:
            continue
        empty = _cost(who, 0, size.slots)
        for megabytes in size.megabytes:
            try:
                cost = _cost(who, megabytes, size.slots)
            except RuntimeError as error:
                if who == "sparktune":
                    raise
                notes.append(f"{who} fails with {megabytes} MiB: {_cause(str(error))}")
                continue
            beyond = cost.steady_mib - empty.steady_mib
            rows.append(
                (who, megabytes, empty.steady_mib, cost.peak_mib, cost.steady_mib,
                 ratio(beyond, megabytes), cost.first_s, cost.later_s, cost.first_s - empty.first_s)
            )  # fmt: skip

    def draw(axes: Any) -> None:
        for who in dict.fromkeys(row[0] for row in rows):
            line = [(row[1], row[4] - row[2]) for row in rows if row[0] == who]
            axes.plot(*zip(*line, strict=True), "o-", label=who)
        axes.plot(size.megabytes, size.megabytes, "k--", label="the data once")
        axes.set(
            xlabel="data, MiB", ylabel="memory beyond a study without data, MiB", xscale="log", yscale="log"
        )

    columns = (
        "who", "data MiB", "without MiB", "peak MiB", "steady MiB", "beyond, of the data", "first trial s",
        "later s", "first beyond without",
    )  # fmt: skip
    if peers and RAY_PYTHON not in os.environ:
        notes.append(f"Ray was left out: {RAY_PYTHON} names no Python that has it")
    return Findings(columns, rows, draw, notes)


def _cause(text: str) -> str:
    """Return the line of an error's text that names its exception."""
    named = [line.strip() for line in text.splitlines() if "Error" in line and not line.startswith("\tat")]
    return named[-1] if named else text


def _cost(who: str, megabytes: int, slots: int) -> Cost:
    python = os.environ[RAY_PYTHON] if who == "Ray" else sys.executable
    script = str(Path(__file__).with_name("shared_one.py"))
    command = [python, script] if who == "Ray" else [python, "-m", "benchmarks.spark.shared_one"]
    with subprocess.Popen(
        [*command, who, str(megabytes), str(slots)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        samples: list[tuple[float, float]] = []
        while child.poll() is None:
            samples.append((time.time(), family_mib(child.pid)))
            time.sleep(SAMPLE_S)
        out, errors = child.communicate()
    if child.returncode:
        raise RuntimeError(f"{who} with {megabytes} MiB must finish, but:\n{errors}")
    trials = json.loads(out.splitlines()[-1])
    first: dict[int, float] = {}
    later = []
    for pid, start, end in trials:
        if pid in first:
            later.append(end - start)
        first.setdefault(pid, end - start)
    # Once every slot has had a trial, and while each still has one.
    begin, finish = sorted(end for _, _, end in trials)[slots - 1], max(start for _, start, _ in trials)
    steady = [mib for at, mib in samples if begin <= at <= finish] or [samples[-1][1]]
    return Cost(
        max(mib for _, mib in samples),
        median(steady),
        median(first.values()),
        median(later or first.values()),
    )


def family_mib(root: int) -> float:
    """Return the memory (PSS) of a process and those below it."""
    total = 0
    with suppress(psutil.Error):
        parent = psutil.Process(root)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(OSError, psutil.Error):
                for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
    return total / 1024
