"""Pods as containers of a Docker engine, in a network with addresses that are known before they start."""

from __future__ import annotations

import ipaddress
import itertools
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.containers.engine import docker
from tests.kubernetes.stand_in.kubelet import Pod

LABEL = "sparktune-stand-in=kubernetes"


@dataclass(frozen=True)
class Containers:
    """Runs pods in a network of the engine; the API server listens at the network's gateway."""

    network: str
    subnet: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(4000))

    @property
    def gateway(self) -> str:
        """Return this machine's address in the network."""
        return str(ipaddress.ip_network(self.subnet)[1])

    def address(self) -> str:
        return str(ipaddress.ip_network(self.subnet)[next(self._numbers)])

    def has(self, image: str) -> bool:
        """Return whether the engine has the image: nothing is pulled."""
        try:
            docker("image", "inspect", image)
        except RuntimeError:
            return False
        return True

    def run(self, pod: Pod) -> _Container:
        name = f"pod-{pod.folder.name}"
        options = ["--name", name, "--hostname", pod.name, "--label", LABEL]
        options += ["--network", self.network, "--ip", pod.address]
        options += [each for alias in pod.host_names for each in ("--network-alias", alias)]
        options += ["--add-host", f"kubernetes.default.svc:{self.gateway}"]
        options += [f"--env={variable}" for variable in pod.environment]
        options += [f"--volume={folder}:{path}" for path, folder in pod.mounts.items()]
        if pod.user is not None:
            options += ["--user", str(pod.user)]
        environment = {**os.environ, **pod.environment, "PATH": os.environ["PATH"]}
        command = ["docker", "create", "--cap-drop=ALL", *options, pod.image, *pod.command]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
        with (pod.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["docker", "start", "--attach", name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return _Container(name, process)


class _Container:
    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self._name = name
        self._process = process

    def wait(self) -> int:
        return self._process.wait()

    def signal(self, number: int) -> None:
        self._docker("kill", "--signal", signal.Signals(number).name, self._name)

    def remove(self) -> None:
        self._docker("rm", "--force", self._name)

    def _docker(self, *command: str) -> None:
        """Run a command that may find the container gone."""
        subprocess.run(
            ["docker", *command], check=False, capture_output=True, timeout=60, stdin=subprocess.DEVNULL
        )
