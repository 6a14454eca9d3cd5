"""A ResourceManager and a NodeManager on loopback, without Hadoop: Spark's own jars hold YARN's protocols.

The Java files are compiled when the tests run. A container is a process of this machine; there is no HDFS and
no Kerberos. Applications, tokens, attempts and containers are as in YARN, so Spark's client, its
ApplicationMaster and Airflow's provider are the real ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.integration.standalone_cluster import PYSPARK

SOURCES = Path(__file__).parent / "java"
ENDED = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True)
class Application:
    """An application as the ResourceManager sees it now; a container is named with its process id."""

    id: str
    name: str
    queue: str
    state: str
    final: str
    diagnostics: str
    attempts: tuple[dict[str, Any], ...]

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def master(self) -> str:
        """Return the container of the newest ApplicationMaster."""
        return str(self.attempts[-1]["master"])

    @property
    def executors(self) -> list[str]:
        """Return the other containers that run."""
        return [name for name in self.attempts[-1]["running"] if name != self.master]

    @property
    def processes(self) -> list[int]:
        """Return the process ids of all containers that run."""
        return [pid for each in self.attempts for pid in each["running"].values() if pid is not None]


@dataclass(frozen=True)
class Yarn:
    """The running stand-in: `address` is that of its web services, `conf_dir` a HADOOP_CONF_DIR."""

    address: str
    folder: Path

    @property
    def conf_dir(self) -> Path:
        return self.folder / "conf"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def applications(self) -> list[Application]:
        """Return all applications, oldest first."""
        found = httpx.get(f"{self.address}/stand-in/applications", timeout=60).json()
        names = ("id", "name", "queue", "state", "diagnostics")
        return [
            Application(
                **{name: each[name] for name in names},
                final=each["finalStatus"],
                attempts=tuple(each["attempts"]),
            )
            for each in found
        ]

    def application(self, id_: str) -> Application:
        return next(each for each in self.applications if each.id == id_)

    @contextmanager
    def fault(
        self,
        *,
        capacity: int = 100,
        rejects: str | None = None,
        refuses_tokens: bool = False,
        web_status: int = 0,
        delay_ms: int = 0,
    ) -> Iterator[None]:
        """Let something go wrong in this context; see Faults.java."""
        given = {
            "capacity": capacity,
            "rejects": rejects,
            "refuses_tokens": refuses_tokens,
            "web_status": web_status,
            "delay_ms": delay_ms,
        }
        none = {"capacity": 100, "rejects": None, "refuses_tokens": False, "web_status": 0, "delay_ms": 0}
        self._call("PUT", "faults", given)
        try:
            yield
        finally:
            self._call("PUT", "faults", none)

    def signal(self, container: str, name: str = "KILL") -> None:
        """Send a signal to all processes of a container."""
        self._call("POST", f"signal/{container}", {"name": name})

    def lose(self, application: str) -> None:
        """Let the ResourceManager give the ApplicationMaster up, whose processes go on."""
        self._call("POST", f"lose/{application}", {})

    def output(self, container: str) -> str:
        """Return what a container has printed."""
        (folder,) = (self.folder / "containers").glob(f"usercache/*/appcache/*/{container}")
        return "".join((folder / name).read_text(errors="replace") for name in ("stdout", "stderr"))

    def _call(self, method: str, path: str, body: dict[str, Any]) -> None:
        httpx.request(method, f"{self.address}/stand-in/{path}", json=body, timeout=60).raise_for_status()


def javac() -> str | None:
    """Return the Java compiler beside the Java that Spark uses, or else on PATH; None if there is none."""
    beside = Path(os.environ.get("JAVA_HOME", ""), "bin", "javac")
    return str(beside) if beside.is_file() else shutil.which("javac")


@contextmanager
def yarn_stand_in(folder: Path, compiler: str) -> Iterator[Yarn]:
    """Compile and run the stand-in; its logs and the folders of containers are in `folder`."""
    classes, jars = folder / "classes", str(PYSPARK / "jars" / "*")
    options = ["--release", "17", "-proc:none", "-nowarn", "-d", str(classes), "-cp", jars]
    subprocess.run([compiler, *options, *map(str, sorted(SOURCES.glob("*.java")))], check=True)
    home = os.environ.get("JAVA_HOME")
    command = [str(Path(home, "bin", "java")) if home else "java", "-cp", f"{classes}:{jars}", "-Xmx256m"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*command, "StandIn", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            address = process.stdout.readline().decode().strip()
            assert address, (folder / "log").read_text()
            yield Yarn(address, folder)
        finally:
            process.stdin.close()
            process.wait(timeout=30)
