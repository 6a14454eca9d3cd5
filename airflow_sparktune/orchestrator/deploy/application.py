"""The program that spark-submit starts in a cluster, and the two ways for its files to get there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.job import Job
from airflow_sparktune.orchestrator.deploy.submit_files import SubmitFiles
from airflow_sparktune.study.files.code import code_sha256, zipped
from airflow_sparktune.version import __version__

# Where Spark copies the launcher and the zips, and the pods load them from.
UPLOAD_PATH = "spark.kubernetes.file.upload.path"
# The launcher in the image of docker/spark/Dockerfile.
LAUNCHER = "local:///opt/spark/launch/sparktune_launcher.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application for spark-submit; `code` is a zip that the driver reads from the study folder."""

    program: str
    arguments: tuple[str, ...] = ()
    py_files: tuple[str, ...] = ()
    code: bytes | None = None


def sent_by_spark(job: Job, py_files: str | None, folder: Path) -> Application:
    """Return the launcher or a script; Spark sends it with this package and the user's code."""
    files = SubmitFiles.pack(folder, job.code, py_files)
    program, *arguments = (str(files.launcher), *job.arguments) if job.spec else job.script
    return Application(program=program, arguments=tuple(arguments), py_files=files.py_files)


def in_image(job: Job, py_files: str | None) -> Application:
    """Return the launcher in the driver's image, which has this package, or a script at a URL.

    The driver reads the user's code, with a script of this machine, from the study folder. Raises
    PlatformError for `py_files` of this machine.
    """
    urls = tuple(path.strip() for path in (py_files or "").split(",") if path.strip())
    if local := [path for path in urls if ":/" not in path or path.startswith("file:")]:
        raise PlatformError(
            "py_files for a driver on Kubernetes must be in its image (local:///...) or at a URL, got "
            f"{', '.join(local)}; or set {UPLOAD_PATH} to a folder that this machine and the pods reach, "
            "such as s3a://my-bucket/uploads"
        )
    files = dict(job.code.files) if job.code is not None else {}
    if job.spec is not None:
        arguments = job.arguments
    elif ":/" in job.script[0]:
        return Application(program=job.script[0], arguments=job.script[1:], py_files=urls)
    else:
        script = Path(job.script[0])
        files[script.name] = script.read_bytes()
        arguments = (*job.arguments, "--script", script.name, *job.script[1:])
    code = zipped(files) if files else None
    hashed = ("--code-sha256", code_sha256(code)) if code is not None else ()
    return Application(
        program=LAUNCHER,
        arguments=("--release", __version__, *hashed, *arguments),
        py_files=urls,
        code=code,
    )
