"""The user's own `py_files`: wheels among them are sent as what executors can import."""

from __future__ import annotations

import shutil
from pathlib import Path

from airflow_sparktune.errors import PlatformError


def importable(py_files: str | None, *, folder: Path) -> list[str]:
    """Return the paths of a comma-separated list, each wheel as a copy in `folder` named .zip.

    Spark puts zips and eggs on sys.path, but a wheel on the driver's alone: trials would miss it. A wheel of
    pure Python is a zip that can be imported as it is; of one with compiled parts Python could not load them.
    Raises PlatformError for such a wheel, and for one that is not a local file.
    """
    paths = [path.strip() for path in (py_files or "").split(",")]
    return [_as_zip(path, folder) if path.endswith(".whl") else path for path in paths if path]


def _as_zip(wheel: str, folder: Path) -> str:
    source = Path(wheel.removeprefix("file://"))
    if not source.stem.endswith("-any"):
        raise PlatformError(
            f"a wheel in py_files must be pure Python (its name ends with -none-any.whl), got {source.name}; "
            "install it into an environment and send that as archives"
        )
    if not source.is_file():
        raise PlatformError(
            f"a wheel in py_files must be a file on this worker, got {wheel}; give its absolute path"
        )
    copy = folder / f"{source.stem}.zip"
    shutil.copyfile(source, copy)
    return str(copy)
