"""The driver runs only the code that was submitted."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.study.files.code import code_sha256, read_code, write_code, zipped
from airflow_sparktune.study.storage import open_storage

CODE = zipped({"b/train.py": b"x = 1", "a.py": b""})


def test_the_submitted_code_is_read(tmp_path: Path) -> None:
    """Equal files give an equal zip, so a retry writes the same."""
    write_code(str(tmp_path), CODE)
    read = read_code(open_storage(str(tmp_path)), str(tmp_path), sha256=code_sha256(CODE))
    assert read == zipped({"a.py": b"", "b/train.py": b"x = 1"})
    with zipfile.ZipFile(io.BytesIO(read)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "b/train.py": b"x = 1",
            "a.py": b"",
        }


def test_other_code_is_rejected(tmp_path: Path) -> None:
    """A replaced zip would run as the driver's user."""
    write_code(str(tmp_path), zipped({"a.py": b"evil"}))
    with pytest.raises(SpecError, match=r"user_code\.zip at .* submitted.*nothing of it was run"):
        read_code(open_storage(str(tmp_path)), str(tmp_path), sha256=code_sha256(CODE))


def test_a_folder_without_code(tmp_path: Path) -> None:
    """The error says that this machine does not find the file."""
    with pytest.raises(StorageError, match=r"must hold user_code\.zip, found none at"):
        read_code(open_storage(str(tmp_path)), str(tmp_path), sha256=code_sha256(CODE))
