"""A Docker engine for the tests: the running one, or one that is started for them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_site import wait_for

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def docker_engine() -> Iterator[None]:
    """Provide an engine for `docker` in this context; one that was started here is stopped and removed."""
    subprocess.run([str(ROOT / "tools" / "docker.sh")], check=True, timeout=900, stdin=subprocess.DEVNULL)
    if _answers():
        yield
        return
    # Not below pytest's own folder, which is not removed: images take gigabytes.
    with tempfile.TemporaryDirectory(prefix="sparktune-engine-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = socket = f"unix://{folder}/docker.sock"
        command = ["dockerd", "--host", socket, "--pidfile", str(folder / "pid")]
        command += ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            wait_for(lambda: process.poll() is not None or _answers(), within_s=60)
            if process.poll() is not None:
                raise RuntimeError(
                    f"no Docker engine could be started:\n{(folder / 'log').read_text()[-3000:]}"
                )
            yield
        finally:
            _stop(process)
            # The engine mounts its data folder onto itself, and leaves the mount behind.
            subprocess.run(["umount", str(folder / "data")], check=False, capture_output=True, timeout=60)
            if before is None:
                del os.environ["DOCKER_HOST"]
            else:
                os.environ["DOCKER_HOST"] = before


def docker(*arguments: str, timeout: float = 60) -> str:
    """Return the output of a docker command.

    Raises RuntimeError with the command's output if it fails, TimeoutExpired after `timeout` seconds.
    """
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-60:])
        raise RuntimeError(f"docker {' '.join(arguments)} failed:\n{said}")
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
