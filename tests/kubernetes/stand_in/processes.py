"""Pods as processes of this machine, where containers cannot run. They see its files, and share its network.

The image's own entry point is run. What a container's file system and the cluster's names would do is done by
replacing paths and names in what a pod is given.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyspark

import airflow_sparktune
from tests.kubernetes.stand_in.given import TOKEN_FOLDER
from tests.kubernetes.stand_in.kubelet import Pod

ROOT = Path(__file__).parents[3]
ENTRY_POINT = ROOT / "docker" / "spark" / "entrypoint.sh"
IMAGE = "sparktune-spark"
_NAME = re.compile(r"\b([a-z0-9][a-z0-9-]*)\.([a-z0-9-]+)\.svc\b")


@dataclass(frozen=True)
class Processes:
    """Runs pods at addresses of their own on the loopback interface.

    `find` returns the address of the pod behind a service; `api` is the API server's URL.
    """

    api: Callable[[], str]
    find: Callable[[str, str], str]
    environment: dict[str, str]
    _numbers = itertools.count(2)

    def address(self) -> str:
        number = next(self._numbers)
        return f"127.0.{1 + number // 250}.{number % 250 + 1}"

    def has(self, image: str) -> bool:
        return image == IMAGE

    def run(self, pod: Pod) -> _Process:
        work = pod.folder / "work"
        work.mkdir()
        there = {
            "/opt/spark/launch": str(Path(airflow_sparktune.__file__).parent / "driver" / "launch"),
            **{path.rstrip("/"): str(folder) for path, folder in pod.mounts.items()},
        }
        here = _replacing(there, lambda match: self._address(match, pod))
        for path, folder in pod.mounts.items():
            if "conf" in path:
                for file in folder.iterdir():
                    file.write_text(here(file.read_text()))
                    if file.name == "spark.properties":
                        file.write_text(file.read_text() + self._settings(pod))
        environment = {
            **self.environment,
            "SPARK_HOME": str(Path(pyspark.__file__).parent),
            "SPARK_LOCAL_IP": pod.address,
            "TMPDIR": str(work),
            "HOSTNAME": pod.name,
            **{name: here(value) for name, value in pod.environment.items()},
        }
        with (pod.folder / "log").open("wb") as log:
            return _Process(
                subprocess.Popen(
                    ["bash", str(ENTRY_POINT), *map(here, pod.command)],
                    env=environment,
                    cwd=work,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _settings(self, pod: Pod) -> str:
        """Return what a driver finds by itself in a container."""
        folder = pod.mounts[TOKEN_FOLDER]
        mounted = "spark.kubernetes.authenticate.driver.mounted"
        return (
            f"spark.kubernetes.driver.master={self.api()}\n"
            f"{mounted}.oauthTokenFile={folder / 'token'}\n{mounted}.caCertFile={folder / 'ca.crt'}\n"
        )

    def _address(self, match: re.Match[str], pod: Pod) -> str:
        return pod.address if match[0] in pod.host_names else self.find(match[2], match[1])


def _replacing(paths: dict[str, str], address: Callable[[re.Match[str]], str]) -> Callable[[str], str]:
    longest_first = sorted(paths, key=len, reverse=True)

    def here(text: str) -> str:
        for path in longest_first:
            text = re.sub(rf"{re.escape(path)}(?![\w.-])", lambda _, new=paths[path]: new, text)
        return _NAME.sub(address, text)

    return here


class _Process:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait(self) -> int:
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def remove(self) -> None:
        """End the children that outlive their first process, as a container does."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
