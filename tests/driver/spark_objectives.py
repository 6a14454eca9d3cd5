"""Objectives that do to their worker what a test asks for; `params` says which test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_count = 0


def pid(params: Any) -> dict[str, Any]:
    """How many trials this process has seen, and which it is."""
    global _count
    _count += 1
    return {"loss": 0.0, "pid": os.getpid(), "count": _count}


def threads(params: Any) -> dict[str, Any]:
    return {"loss": 0.0, "threads": os.environ.get("OMP_NUM_THREADS")}


def size(params: Any) -> dict[str, Any]:
    return {"loss": 0.0, "length": len(params["text"])}


def shared(params: Any, shared_data: Any) -> dict[str, Any]:
    return {"loss": 0.0, "pid": os.getpid(), "at": id(shared_data), "sum": sum(shared_data)}


def shared_array(params: Any, shared_data: Any) -> dict[str, Any]:
    """Says where in a worker's memory a large array lies: in a file of Spark's, or not."""
    if params.get("die"):
        os._exit(3)
    if params.get("write"):
        shared_data[0] = 1.0
    at = shared_data.ctypes.data
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(each, 16) for each in line.split()[0].split("-"))
        if first <= at < last:
            file = line.split()[5] if len(line.split()) > 5 else ""
            return {"loss": float(shared_data.sum()), "pid": os.getpid(), "file": file}
    return {"loss": 0.0, "pid": os.getpid(), "file": ""}


def sleeps(params: Any) -> float:
    """Says its pid in a file, and sleeps."""
    say(params["folder"], os.getpid())
    time.sleep(params.get("s", 60))
    return 0.0


def exits(params: Any) -> float:
    if params.get("die", True):
        os._exit(3)
    return 0.0


def waits_or_exits(params: Any) -> float:
    """Says its pid in a file, and waits for another one."""
    if params.get("die"):
        os._exit(3)
    say(params["folder"], os.getpid())
    while not Path(params["folder"], "go").exists():
        time.sleep(0.05)
    return 0.0


def has_children(params: Any) -> float:
    """Starts children of several kinds, says their pids, then does as it is told."""
    children = [
        subprocess.Popen(["sleep", "300"]).pid,
        subprocess.Popen([sys.executable, "-c", _STUBBORN]).pid,
    ]
    children.append(subprocess.Popen(["sleep", "300"], process_group=0).pid)  # as timeout(1) does
    children.append(subprocess.Popen(["sleep", "300"], start_new_session=True).pid)
    if (forked := os.fork()) == 0:
        time.sleep(300)
        os._exit(0)
    if params.get("loky"):
        from joblib import Parallel, delayed

        children += Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(2))
    say(params["folder"], os.getpid(), forked, *children)
    if params["then"] == "exit":
        os._exit(1)
    time.sleep(60 if params["then"] == "sleep" else 0)
    return 0.0


def waits_for_all_its_children(params: Any) -> float:
    """What a program may do that knows all of its children."""
    child = subprocess.Popen(["true"])
    if os.wait()[0] != child.pid:
        return 2.0
    try:
        os.wait()
    except ChildProcessError:
        return 0.0
    return 1.0


_STUBBORN = """
import signal, time
for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(each, signal.SIG_IGN)
time.sleep(300)
"""


def say(folder: str, *pids: int) -> None:
    path = Path(folder, f"{pids[0]}.pids")
    path.with_suffix(".tmp").write_text(" ".join(map(str, pids)))
    path.with_suffix(".tmp").rename(path)


def echo(params: Any) -> float:
    return float(params["x"])


def broken(params: Any) -> float:
    raise ValueError("the data is not there")


def uses_spark(params: Any) -> dict[str, Any]:
    """Needs the driver's Spark."""
    from pyspark import SparkContext

    context = SparkContext.getOrCreate()
    return {"loss": params["x"], "rows": context.parallelize(range(100), 2).count()}


def spins(params: Any) -> float:
    """Never ends by itself, but can be interrupted at each step."""
    while params["spin"]:
        time.sleep(0.01)
    return 0.0


def three(ids: list[int], *given: Any) -> Any:
    """An algorithm that has three points."""
    from hyperopt import rand

    return rand.suggest(ids, *given) if ids[0] < 3 else []


def nothing(*_: Any) -> list[Any]:
    """An algorithm without any."""
    return []


def hold(folder: Path, number: int) -> None:
    """Keep a slot until it is enough."""
    Path(folder, str(number)).touch()
    while not Path(folder, "enough").exists():
        time.sleep(0.05)


def holds(params: Any) -> float:
    hold(Path(params["folder"]), 0)
    return 0.0


def leaves_a_file(params: Any, folder: str, trial: Any) -> float:
    """Shows that it was called."""
    Path(folder, str(trial.number)).touch()
    return 0.0


def terminated_at_the_third(ids: list[int], *given: Any) -> Any:
    """An algorithm that SIGTERM meets where nothing may be raised."""
    from hyperopt import rand

    if ids[0] == 2:
        with suppress(BaseException):
            os.kill(os.getpid(), signal.SIGTERM)
    return rand.suggest(ids, *given)


def terminated_and_lost() -> list[int]:
    """Data whose loading swallows SIGTERM."""
    with suppress(BaseException):
        os.kill(os.getpid(), signal.SIGTERM)
    return []


def terminated_and_told_otherwise() -> None:
    """Data whose loading makes another error of SIGTERM."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException as error:
        raise ValueError("the download was interrupted") from error


def terminated() -> None:
    """Data whose loading SIGTERM ends."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def locked() -> Any:
    return threading.Lock()


def numbers() -> list[int]:
    return list(range(10))


def gives_up() -> None:
    sys.exit("no data")


NUMBER = 5


def hostile(params: dict[str, Any]) -> float:
    """Replaces what the evaluator and the journal use, as a careless mock or monkey patch does."""
    import json
    import time

    match params["way"]:
        case "json":
            json.dumps = lambda *_, **__: "{"  # type: ignore[assignment]
        case "nan":
            time.monotonic = lambda: float("nan")
        case "backwards":
            time.monotonic = lambda: -1e9
    return 0.5
