"""`user_code.zip`: hands the user's code to a driver that gets no files from spark-submit.

As with `spec.json`, the driver gets the SHA-256 of the file on its command line, and runs no other code.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

from airflow_sparktune.study.definition.file import read_submitted
from airflow_sparktune.study.storage import Storage, open_storage

NAME = "user_code.zip"
# Zips cannot hold dates before 1980. The date is fixed so that equal code gives an equal zip.
_DATE = (1980, 1, 1, 0, 0, 0)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of the files, given by their paths in it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return data.getvalue()


def code_sha256(code: bytes) -> str:
    """Return the SHA-256 of a zip, in hexadecimal."""
    return hashlib.sha256(code).hexdigest()


def write_code(address: str, code: bytes) -> None:
    """Write a zip of code into the study folder, replacing an earlier one."""
    open_storage(address).write(NAME, code)


def read_code(storage: Storage, address: str, *, sha256: str) -> bytes:
    """Return the submitted zip; raises StorageError if it is missing, SpecError if its hash differs."""
    return read_submitted(storage, address, NAME, sha256=sha256)
