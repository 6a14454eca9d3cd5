"""Stand-ins for the public images, on a machine that can reach package mirrors but no image registry."""

from __future__ import annotations

import logging
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from subprocess import TimeoutExpired
from threading import Lock

from tests.containers.engine import docker, run

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
# The public images by name, without their tags, and the folders of their stand-ins.
FOLDERS = {"python": "python", "postgres": "postgres", "chrislusf/seaweedfs": "s3"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Packages besides Python, which the health check of the object storage needs.
DEBIAN_PACKAGES = "ca-certificates,python3,python3-venv,wget"
# For mirrors that fail now and then, or are older than the machine's clock allows. Signatures are checked.
APT = ('Acquire::Retries "3"', 'Acquire::Check-Valid-Until "false"', 'Acquire::Check-Date "false"')

_debian = Lock()  # images are provided concurrently


def provide(image: str) -> None:
    """Pull an image from its registry, or else build a stand-in with the same name."""
    if _is_there(image):
        return
    try:
        docker("pull", "--quiet", image, timeout=300)
    except (RuntimeError, TimeoutExpired):
        log.warning("%s cannot be pulled; a stand-in takes its place", image)
        _build(image, FOLDERS[image.rpartition(":")[0]])


def _build(image: str, folder: str) -> None:
    _provide_debian()
    if folder == "s3" and not _is_there("stand-in/python"):
        _build("stand-in/python", "python")
    with tempfile.TemporaryDirectory() as name:
        context = Path(name, "context")
        shutil.copytree(HERE / folder, context)
        if folder == "python":
            shutil.copy(CERTIFICATES, context)
        # Without a value: that of this process, if it is set.
        values = ["--build-arg", "PIP_INDEX_URL", "--build-arg", f"MOTO={version('moto')}"]
        docker("build", "--quiet", *values, "--tag", image, str(context), timeout=900)


def _provide_debian() -> None:
    """Build the image stand-in/debian, a root file system of Debian stable's packages."""
    with _debian:
        if _is_there("stand-in/debian"):
            return
        if shutil.which("mmdebstrap") is None:
            run("apt-get", "update", "-q", timeout=300)
            run("apt-get", "install", "-qy", "--no-install-recommends", "mmdebstrap", timeout=300)
        with tempfile.TemporaryDirectory() as folder:
            archive = str(Path(folder, "debian.tar"))
            what = [
                "--variant=minbase",
                f"--include={DEBIAN_PACKAGES}",
                *(f"--aptopt={line}" for line in APT),
            ]
            run("mmdebstrap", "--quiet", *what, "trixie", archive, timeout=600)
            docker("import", archive, "stand-in/debian", timeout=300)


def _is_there(image: str) -> bool:
    try:
        docker("image", "inspect", image)
    except RuntimeError:
        return False
    return True
