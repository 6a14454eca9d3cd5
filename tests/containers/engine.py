"""A Docker engine for the tests: the running one, or one that is started for them."""

from __future__ import annotations

import logging
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.airflow_site import wait_for

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent.parent
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


@contextmanager
def docker_engine() -> Iterator[None]:
    """Provide an engine for `docker` in this context; what was started or made is removed afterwards."""
    subprocess.run([str(ROOT / "tools" / "docker.sh")], check=True, timeout=900, stdin=subprocess.DEVNULL)
    if _answers():
        before = _images()
        try:
            yield
        finally:
            if made := _images() - before:
                docker("image", "rm", "--force", *made)
        return
    # Images take gigabytes: not below /tmp, which may be in memory, nor in pytest's folder, which is kept.
    folder = Path(tempfile.mkdtemp(prefix="sparktune-engine-", dir="/var/tmp"))
    try:
        with _network_restored(), _own_engine(folder):
            yield
    finally:
        _remove(folder)


@contextmanager
def _own_engine(folder: Path) -> Iterator[None]:
    """Start an engine with all its state in `folder`, and set DOCKER_HOST in this context."""
    socket = f"unix://{folder}/docker.sock"
    command = ["setpriv", "--pdeathsig", "TERM"]  # stop it even if pytest is killed
    command += ["dockerd", "--host", socket, "--pidfile", str(folder / "pid")]
    command += ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    # In its own session, so that Ctrl-C reaches only pytest, which first removes the stack.
    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
    started = time.monotonic()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", socket)
            patch.setenv("BUILDX_CONFIG", str(folder / "buildx"))  # default: the home folder
            wait_for(
                lambda: process.poll() is not None or _answers(),
                what="a Docker engine to answer",
                within_s=180,
            )
            if process.poll() is not None:
                raise RuntimeError(
                    f"no Docker engine could be started:\n{(folder / 'log').read_text()[-3000:]}"
                )
            log.info("dockerd, process %d, answers after %.0f s", process.pid, time.monotonic() - started)
            yield
    finally:
        _stop(process)
        # The engine mounts its data folder onto itself, and leaves the mount behind.
        subprocess.run(["umount", str(folder / "data")], check=False, capture_output=True, timeout=60)


@contextmanager
def _network_restored() -> Iterator[None]:
    """Restore what an engine changes and does not undo: bridges, firewall rules, IP forwarding."""
    rules = [run("iptables-save", "--table", table) for table in ("filter", "nat")]
    forwards = FORWARDING.read_text()
    links = _bridges()
    try:
        yield
    finally:
        for link in _bridges() - links:
            run("ip", "link", "delete", link)
        for table in rules:
            run("iptables-restore", given=table)
        FORWARDING.write_text(forwards)


def docker(*arguments: str, timeout: float = 60) -> str:
    """Return the output of a docker command.

    Raises RuntimeError with the command's output if it fails, TimeoutExpired after `timeout` seconds.
    """
    return run("docker", *arguments, timeout=timeout)


def run(*command: str, given: str = "", timeout: float = 60) -> str:
    """Return the output of a command with the input `given`; raises as `docker` does."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, input=given)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-60:])
        raise RuntimeError(f"{' '.join(command)} failed:\n{said}")
    return done.stdout.strip()


def _answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _images() -> set[str]:
    """Return the names of the engine's images."""
    return set(docker("images", "--filter", "dangling=false", "--format", "{{.Repository}}:{{.Tag}}").split())


def _bridges() -> set[str]:
    """Return the names of this machine's Docker bridges."""
    names = (link.name for link in Path("/sys/class/net").iterdir())
    return {name for name in names if name.startswith(("docker0", "br-"))}


def _remove(folder: Path) -> None:
    """Remove a folder of some gigabytes; on a busy disk that takes minutes, and may go on after the tests."""
    removal = subprocess.Popen(["rm", "-rf", str(folder)], start_new_session=True, stdin=subprocess.DEVNULL)
    try:
        removal.wait(timeout=180)
    except subprocess.TimeoutExpired:
        log.warning("%s is still being removed, by process %d", folder, removal.pid)
    else:
        log.info("dockerd has ended, and %s is removed", folder)
