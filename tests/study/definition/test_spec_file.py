"""The driver runs only the spec.json that was submitted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.file import read_spec, spec_sha256, write_spec
from airflow_sparktune.study.storage import open_storage

SPEC = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=3)


def test_the_submitted_spec_is_read(tmp_path: Path) -> None:
    """The hash that the submitter computes matches the file."""
    write_spec(str(tmp_path), SPEC)
    assert read_spec(open_storage(str(tmp_path)), str(tmp_path), sha256=spec_sha256(SPEC)) == SPEC


def test_another_spec_is_rejected(tmp_path: Path) -> None:
    """A replaced spec would run as the driver's user; the error says that nothing was run."""
    write_spec(str(tmp_path), SPEC)
    other = {**SPEC.to_json(), "objective": "subprocess:getoutput"}
    (tmp_path / "spec.json").write_text(json.dumps(other))
    with pytest.raises(SpecError, match=r"must be the one that was submitted.*nothing of it was run"):
        read_spec(open_storage(str(tmp_path)), str(tmp_path), sha256=spec_sha256(SPEC))


def test_an_invalid_spec_is_rejected_unread(tmp_path: Path) -> None:
    """The hash is compared before anything is parsed."""
    (tmp_path / "spec.json").write_bytes(b"\xff" * 9)
    with pytest.raises(SpecError, match="must be the one that was submitted"):
        read_spec(open_storage(str(tmp_path)), str(tmp_path), sha256=spec_sha256(SPEC))


def test_a_folder_without_a_spec(tmp_path: Path) -> None:
    """The error says that this machine does not find the file."""
    with pytest.raises(StorageError, match=r"must hold spec\.json, found none at .*; choose a storage"):
        read_spec(open_storage(str(tmp_path)), str(tmp_path), sha256=spec_sha256(SPEC))
