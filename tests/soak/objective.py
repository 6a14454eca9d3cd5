"""The objective of the soak; one of its hyperparameters chooses what it does to its worker."""

import json
import os
import signal
import subprocess
import sys
import threading
import time


class Unshowable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def loss(params):
    time.sleep(0.05 + 0.1 * params["x"])
    good = (params["x"] - 0.3) ** 2
    match params["way"]:
        case "raises":
            raise ValueError("row " + os.fsdecode(b"\xff") + " \x1b[31m\x1b]0;title\x07")
        case "raises what cannot be shown":
            raise Unshowable
        case "raises KeyboardInterrupt":
            raise KeyboardInterrupt
        case "recurses":
            return loss_of_a_deep_call(0)
        case "returns nothing":
            return None
        case "returns NaN":
            return float("nan")
        case "returns a huge number":
            return {"loss": 10**400}
        case "returns deep values":
            deep = 0
            for _ in range(600):
                deep = [deep]
            return {"loss": good, "deep": deep, "digits": 10**400}
        case "replaces json":
            json.dumps = lambda *_, **__: "{"
        case "replaces the clock":
            time.monotonic = lambda: float("nan")
        case "sets the clock back":
            time.monotonic = lambda: -1e9
        case "exits":
            sys.exit(3)
        case "ends its process":
            os._exit(3)
        case "kills its process":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            time.sleep(600)
        case "leaves a child":
            subprocess.Popen(["sleep", "900"])
        case "leaves a child of its own session":
            subprocess.Popen(["sleep", "900"], start_new_session=True)
        case "leaves a thread":
            threading.Thread(target=time.sleep, args=(900,), daemon=True).start()
        case "ignores SIGTERM":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "prints a lot":
            sys.stdout.write("\x1b[2J" + "x" * 300_000 + "\n")
        case "closes its output":
            os.close(1)
            os.close(2)
        case "leaves its folder":
            os.chdir("/")
        case "empties its environment":
            for name in list(os.environ):
                if not name.startswith("SPARKTUNE_"):  # these identify processes
                    del os.environ[name]
    return good


def loss_of_a_deep_call(depth):
    return loss_of_a_deep_call(depth + 1)


# These may end a worker, or the driver if trials run there.
FATAL = ("exits", "ends its process", "kills its process")
WAYS = (
    "raises",
    "raises what cannot be shown",
    "raises KeyboardInterrupt",
    "recurses",
    "returns nothing",
    "returns NaN",
    "returns a huge number",
    "returns deep values",
    "replaces json",
    "replaces the clock",
    "sets the clock back",
    *FATAL,
    "hangs",
    "leaves a child",
    "leaves a child of its own session",
    "leaves a thread",
    "ignores SIGTERM",
    "prints a lot",
    "closes its output",
    "leaves its folder",
    "empties its environment",
)
