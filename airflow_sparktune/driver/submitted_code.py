"""Import the user's code from the study folder, and let Spark send it to the executors."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

from airflow_sparktune.driver.spark.session import ship
from airflow_sparktune.study.files.code import NAME, read_code
from airflow_sparktune.study.storage import open_storage


def use_code(address: str, *, sha256: str) -> Path:
    """Make the submitted code importable, here and where trials run; return the path of its zip.

    Raises StorageError or SpecError if it is not in the study folder.
    """
    code = read_code(open_storage(address), address, sha256=sha256)
    file = Path(tempfile.mkdtemp(prefix="sparktune-"), NAME)
    file.write_bytes(code)
    sys.path.insert(0, str(file))
    ship(file)
    return file


def extract_script(file: Path, name: str) -> str:
    """Extract a script from the zip of code beside the zip; return its path."""
    with zipfile.ZipFile(file) as archive:
        return archive.extract(name, file.parent)
