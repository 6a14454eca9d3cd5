"""The programs that the soak starts over a study, and kills."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.soak.objective import WAYS

MARK = "SPARKTUNE_TEST_MARK"
ROOT = Path(__file__).parents[2]
ENGINE = "tests.integration.chaos_driver"
SPARKTUNE = Path(sys.executable).parent / "sparktune"


class Run:
    """A program on a study with all processes that it starts, found by a mark in their environment."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._mark = secrets.token_hex(8)
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **environment, MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
            )

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def family(self) -> list[psutil.Process]:
        """Return all its running processes, including orphans."""
        found = []
        for process in psutil.process_iter(["environ", "cmdline", "status"]):
            alive = process.info["status"] != psutil.STATUS_ZOMBIE
            if alive and (process.info["environ"] or {}).get(MARK) == self._mark:
                found.append(process)
        return found

    def role(self, name: str) -> list[psutil.Process]:
        """Return its processes with one role: shell, jvm, driver or worker."""
        return [process for process in self.family() if _role(process) == name]

    def left(self, *, after_s: float = 20.0) -> list[str]:
        """Return the command lines of the processes that still run after some time to end, and kill them."""
        until = time.monotonic() + after_s
        while (found := self.family()) and time.monotonic() < until:
            time.sleep(0.2)
        said = [f"{process.pid}: {' '.join(process.info['cmdline'] or ())}" for process in found]
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        return said


def _role(process: psutil.Process) -> str:
    command = process.info["cmdline"] or [""]
    text = " ".join(command)
    if command[0].endswith("java"):
        return "jvm"
    if "pyspark.daemon" in text or "daemon" in text:
        return "worker"
    if str(SPARKTUNE) in text:
        return "shell"
    return "driver" if "--study" in text or ENGINE in text else "other"


def start_engine(address: str, environment: Mapping[str, str], log: Path, study: Mapping[str, Any]) -> Run:
    """Start a driver without Spark."""
    arguments = [str(study["parallelism"]), str(study["max_evals"]), str(study["storage_grace"])]
    command = [sys.executable, "-m", ENGINE, address, *arguments]
    return Run(command, {**environment, "PYTHONPATH": str(ROOT)}, log)


def start_shell(address: str, environment: Mapping[str, str], log: Path, study: Mapping[str, Any]) -> Run:
    """Start `sparktune run`: a shell, a JVM, a driver, Python workers."""
    folder = log.parent
    (folder / "soak_objective.py").write_bytes((Path(__file__).parent / "objective.py").read_bytes())
    (folder / "spec.yaml").write_text(yaml.safe_dump(dict(study)))
    command = [str(SPARKTUNE), "run", str(folder / "spec.yaml"), "--study", address, "--master", "local[2]"]
    return Run(command, environment, log)


def shell_study(rng: random.Random) -> dict[str, Any]:
    """Return the spec of a study whose objective misbehaves in every second trial."""
    share = round(0.5 / len(WAYS), 6)
    ways = [[share, way] for way in WAYS]
    return {
        "objective": "soak_objective:loss",
        "space": {"x": {"uniform": [0, 1]}, "way": {"pchoice": [[1 - share * len(WAYS), "behaves"], *ways]}},
        # A study ends if its first trials all fail.
        "points_to_evaluate": [{"x": 0.5, "way": "behaves"}],
        "algo": rng.choice(["random", "tpe"]),
        "max_evals": rng.randint(20, 40),
        "parallelism": 2,
        "seed": rng.randrange(10**6),
        "limits": {"trial_timeout": 5, "max_trial_retries": 1},
        "execution": {
            "run_trials_on": rng.choice(["executors", "executors", "driver"]),
            "storage_grace": rng.choice([5, 60]),
        },
        "conf": {"spark.ui.enabled": "false", "spark.driver.memory": "512m"},
    }


def engine_study(rng: random.Random) -> dict[str, Any]:
    """Return the spec of a study with short trials that all succeed."""
    return {
        "max_evals": rng.choice([50, 100, 200]),
        "parallelism": rng.choice([1, 2, 8]),
        "storage_grace": rng.choice([5, 60]),
    }


def disturb(run: Run, kind: str) -> None:
    """Do to a run what `kind` says, unless it has ended."""
    what, _, role = kind.partition(" ")
    for process in run.role(role)[:1]:
        with suppress(psutil.NoSuchProcess):
            match what:
                case "kill":
                    process.kill()
                case "terminate":
                    process.terminate()
                case "freeze":
                    process.suspend()
                    time.sleep(3)
                    process.resume()
                case "freeze-kill":
                    process.suspend()
                    time.sleep(1)
                    process.send_signal(signal.SIGKILL)


# The kinds that end a run, and those that it must survive.
KINDS = {
    "engine": ["kill driver", "kill driver", "freeze driver", "freeze-kill driver"],
    "shell": [
        *("kill shell", "kill jvm", "kill driver", "kill worker", "kill worker", "terminate shell"),
        *("freeze driver", "freeze jvm", "freeze worker", "freeze-kill shell", "freeze-kill driver"),
    ],
}
