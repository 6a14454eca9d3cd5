"""Objectives for the driver tests; `params` selects the behaviour."""

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

from airflow_sparktune.executor.objective import TrialContext

_count = 0


def pid(params: Any) -> dict[str, Any]:
    """Return the worker's pid and how many trials it has run."""
    global _count
    _count += 1
    return {"loss": 0.0, "pid": os.getpid(), "count": _count}


def threads(params: Any) -> dict[str, Any]:
    return {"loss": 0.0, "threads": os.environ.get("OMP_NUM_THREADS")}


def size(params: Any) -> dict[str, Any]:
    return {"loss": 0.0, "length": len(params["text"])}


def shared(params: Any, shared_data: Any) -> dict[str, Any]:
    return {"loss": 0.0, "pid": os.getpid(), "at": id(shared_data), "sum": sum(shared_data)}


def learns(params: Any, trial: TrialContext) -> dict[str, Any]:
    """Report ten losses, then return the last, the worker's pid and how many trials it has run."""
    for step in range(1, 11):
        trial.report(step, 1 / step, accuracy=step / 10)
    return {**pid(params), "loss": 0.1}


class Counted:
    """Data that knows how many copies this worker had loaded before."""

    loads = 0

    def __init__(self) -> None:
        self.before = 0

    def __setstate__(self, state: Any) -> None:
        self.before, Counted.loads = Counted.loads, Counted.loads + 1


def counts_loads(params: Any, shared_data: Counted) -> dict[str, Any]:
    return {"loss": 0.0, "pid": os.getpid(), "before": shared_data.before}


def shared_array(params: Any, shared_data: Any) -> dict[str, Any]:
    """Return the file that backs a large shared array in this worker, if any."""
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
    """Write the worker's pid to a file, and sleep."""
    say(params["folder"], os.getpid())
    time.sleep(params.get("s", 60))
    return 0.0


def exits(params: Any) -> float:
    if params.get("die", True):
        os._exit(3)
    return 0.0


def waits_or_exits(params: Any) -> float:
    """Write the worker's pid to a file, and wait for the file `go`."""
    if params.get("die"):
        os._exit(3)
    say(params["folder"], os.getpid())
    while not Path(params["folder"], "go").exists():
        time.sleep(0.05)
    return 0.0


def has_children(params: Any) -> float:
    """Start children of several kinds, write their pids, then act as `then` says."""
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
    """Return 0 if the process sees only its own child, as a program may expect."""
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
    """Use the driver's Spark context."""
    from pyspark import SparkContext

    context = SparkContext.getOrCreate()
    return {"loss": params["x"], "rows": context.parallelize(range(100), 2).count()}


def spins(params: Any) -> float:
    """Run forever, but interruptibly at each step."""
    while params["spin"]:
        time.sleep(0.01)
    return 0.0


def three(ids: list[int], *given: Any) -> Any:
    """A suggest function with three points."""
    from hyperopt import rand

    return rand.suggest(ids, *given) if ids[0] < 3 else []


def nothing(*_: Any) -> list[Any]:
    """A suggest function without points."""
    return []


def hold(folder: Path, number: int) -> None:
    """Occupy a slot until the file `enough` exists."""
    Path(folder, str(number)).touch()
    while not Path(folder, "enough").exists():
        time.sleep(0.05)


def holds(params: Any) -> float:
    hold(Path(params["folder"]), 0)
    return 0.0


def leaves_a_file(params: Any, folder: str, trial: Any) -> float:
    """Create a file named after the trial."""
    Path(folder, str(trial.number)).touch()
    return 0.0


def terminated_at_the_third(ids: list[int], *given: Any) -> Any:
    """A suggest function that gets SIGTERM at the third trial and swallows Killed."""
    from hyperopt import rand

    if ids[0] == 2:
        with suppress(BaseException):
            os.kill(os.getpid(), signal.SIGTERM)
    return rand.suggest(ids, *given)


def terminated_and_lost() -> list[int]:
    """Load data while swallowing Killed."""
    with suppress(BaseException):
        os.kill(os.getpid(), signal.SIGTERM)
    return []


def terminated_and_told_otherwise() -> None:
    """Load data, and raise another error for Killed."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException as error:
        raise ValueError("the download was interrupted") from error


def terminated() -> None:
    """Load data that SIGTERM interrupts."""
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
    """Replace functions that the evaluator and the journal use, like a careless monkey patch."""
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
