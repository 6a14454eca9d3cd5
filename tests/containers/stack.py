"""The stack of docker/compose.yaml with its own name and passwords."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.containers.engine import docker
from tests.containers.stand_ins import provide
from tests.integration.airflow_site import Site, free_port, wait_for

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "docker"
ADDED = Path(__file__).parent / "compose.yaml"
PROJECT = "sparktune-test"


@dataclass(frozen=True)
class Stack:
    """Its services by their names in compose.yaml; `secrets` has the values of .env by name."""

    env_file: Path
    port: int

    @property
    def secrets(self) -> dict[str, str]:
        lines = [line for line in self.env_file.read_text().splitlines() if re.match("[A-Z]", line)]
        return {name: value for name, _, value in (line.partition("=") for line in lines) if len(value) > 16}

    @property
    def airflow(self) -> Site:
        """Return Airflow at the only published port."""
        return Site(f"http://127.0.0.1:{self.port}", Path("/opt/airflow"), self.secrets["AIRFLOW_PASSWORD"])

    def compose(self, *arguments: str, timeout: float = 120) -> str:
        return docker(*self._compose, *arguments, timeout=timeout)

    @property
    def _compose(self) -> list[str]:
        files = ["--file", str(DOCKER / "compose.yaml"), "--file", str(ADDED)]
        return ["compose", "--project-name", PROJECT, *files, "--env-file", str(self.env_file)]

    def run_in(self, service: str, *command: str) -> str:
        """Run a command inside a service's container; returns its output."""
        return self.compose("exec", "-T", service, *command)

    def container(self, service: str) -> dict[str, Any]:
        """Return the engine's data about a service's container."""
        name = self.compose("ps", "--all", "--quiet", service)
        (found,) = json.loads(docker("inspect", name))
        return found

    @property
    def s3(self) -> str:
        """Return the object storage's URL for this machine, which reaches containers by their addresses."""
        (network,) = self.container("s3")["NetworkSettings"]["Networks"].values()
        return f"http://{network['IPAddress']}:8333"

    def is_healthy(self, service: str) -> bool:
        return self.container(service)["State"].get("Health", {}).get("Status") == "healthy"

    @contextmanager
    def killer(self, service: str) -> Iterator[Callable[[], None]]:
        """Yield a function that kills all processes in the container at once, as if its machine dies.

        The engine then restarts the container. The killing process already waits inside, because starting a
        command there takes longer than many trials.
        """
        command = ["exec", "-T", service, "bash", "-c", "read && kill -9 -1"]
        waiting = subprocess.Popen(
            ["docker", *self._compose, *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )

        def kill() -> None:
            waiting.communicate(b"\n", timeout=60)
            log.info("killed: %s", service)

        try:
            yield kill
        finally:
            waiting.kill()
            waiting.wait()

    @contextmanager
    def slowed(self, *services: str, cores: float) -> Iterator[None]:
        """Limit the services to a share of a core in this context, so that studies last longer."""
        names = [self.container(service)["Id"] for service in services]
        docker("update", "--cpus", str(cores), *names)
        try:
            yield
        finally:
            docker("update", "--cpus", str(os.cpu_count()), *names)

    def wait_for_return(self, service: str, *, within_s: float) -> None:
        """Wait until the engine has restarted the container and it is healthy."""
        with timed(f"{service} is back"):
            wait_for(
                lambda: (self.container(service)["RestartCount"], self.is_healthy(service)),
                all,
                what=f"{service} to be restarted and healthy",
                within_s=within_s,
            )


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Build and start the stack, and remove it after the context; logs the steps with their durations."""
    stack = Stack(_passwords(folder), free_port())
    os.environ["AIRFLOW_PORT"] = str(stack.port)  # overrides .env
    try:
        _provide_images(stack)
        with timed("the stack is up"):
            stack.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "420", timeout=480)
        log.info(
            "started:\n%s",
            stack.compose("ps", "--all", "--format", "table {{.Service}}\t{{.Image}}\t{{.Status}}"),
        )
        log.info("images:\n%s", docker("images", "--format", "table {{.Repository}}\t{{.Size}}"))
        yield stack
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{error}\n{stack.compose('logs', '--tail', '40')}") from None
    finally:
        with timed("the stack is gone"):
            stack.compose("down", "--volumes", timeout=180)
        del os.environ["AIRFLOW_PORT"]
    ours = f"label=com.docker.compose.project={PROJECT}"
    left = [docker(*what, "ls", "--quiet", "--filter", ours) for what in (("volume",), ("network",))]
    assert [docker("ps", "--all", "--quiet", "--filter", ours), *left] == ["", "", ""]


def _provide_images(stack: Stack) -> None:
    """Build our images by their Dockerfiles, and meanwhile pull or create those of others."""
    services = json.loads(stack.compose("config", "--format", "json"))["services"]
    others = sorted({each["image"] for each in services.values() if not _is_ours(each["image"])})
    with timed("the Python that our images stand on"):
        provide(_base_image())
    pool = ThreadPoolExecutor()
    try:
        with timed("images"):
            waiting = [pool.submit(provide, image) for image in others]
            waiting.append(pool.submit(stack.compose, "build", timeout=1200))
            for each in waiting:
                each.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a running build ends with its engine


def _passwords(folder: Path) -> Path:
    """Write an .env by the command in .env.example."""
    example = (DOCKER / ".env.example").read_text()
    (command,) = re.findall("^# +(while read .*)$", example, flags=re.MULTILINE)
    (folder / ".env.example").write_text(example)
    subprocess.run(["sh", "-ec", command], cwd=folder, check=True)
    return folder / ".env"


def _base_image() -> str:
    """Return the base image of both Dockerfiles."""
    files = [(DOCKER / name / "Dockerfile").read_text() for name in ("airflow", "spark")]
    (image,) = {re.findall("^ARG PYTHON_IMAGE=(.+)$", text, flags=re.MULTILINE)[0] for text in files}
    return image


def _is_ours(image: str) -> bool:
    return image.startswith("sparktune-")


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    log.info("%s after %.0f s", what, time.monotonic() - started)
