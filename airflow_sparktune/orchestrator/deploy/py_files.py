"""Prepare the user's `py_files`: executors cannot import wheels, so these are sent as zips."""

from __future__ import annotations

import shutil
from pathlib import Path

from airflow_sparktune.errors import PlatformError


def importable(py_files: str | None, *, folder: Path) -> list[str]:
    """Return the paths of a comma-separated list, with each wheel replaced by a copy in `folder` named .zip.

    Spark adds zips and eggs to sys.path on executors, but wheels only on the driver. A pure Python wheel can
    be imported as a zip; compiled parts could not be loaded from one. Raises PlatformError for a wheel with
    compiled parts, and for one that is not a local file.
    """
    paths = [path.strip() for path in (py_files or "").split(",")]
    return [_as_zip(path, folder) if path.endswith(".whl") else path for path in paths if path]


def _as_zip(wheel: str, folder: Path) -> str:
    source = Path(wheel.removeprefix("file://"))
    if not source.stem.endswith("-any"):
        raise PlatformError(
            f"a wheel in py_files must be pure Python (its name ends with -none-any.whl), got {source.name}; "
            "install it into an environment and send the environment as archives"
        )
    if not source.is_file():
        raise PlatformError(
            f"a wheel in py_files must be a file on this worker, got {wheel}; give its absolute path"
        )
    copy = folder / f"{source.stem}.zip"
    shutil.copyfile(source, copy)
    return str(copy)
