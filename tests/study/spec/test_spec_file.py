"""spec.json: what was submitted is what is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.spec.file import read_spec, spec_sha256, write_spec
from airflow_sparktune.study.storage import open_storage

SPEC = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=3)


def test_the_spec_that_was_written_is_read(tmp_path: Path) -> None:
    """With the hash that whoever wrote it knows."""
    write_spec(str(tmp_path), SPEC)
    assert read_spec(open_storage(str(tmp_path)), str(tmp_path), sha256=spec_sha256(SPEC)) == SPEC


def test_another_spec_is_refused(tmp_path: Path) -> None:
    """Its objective would be run as the driver's user; the error says that nothing was."""
    write_spec(str(tmp_path), SPEC)
    other = {**SPEC.to_json(), "objective": "subprocess:getoutput"}
    (tmp_path / "spec.json").write_text(json.dumps(other))
    with pytest.raises(SpecError, match=r"must be the one that was submitted.*nothing of it was run"):
        read_spec(open_storage(str(tmp_path)), str(tmp_path), sha256=spec_sha256(SPEC))


def test_what_is_no_spec_at_all_is_refused_unread(tmp_path: Path) -> None:
    """The hash is compared before anything is parsed."""
    (tmp_path / "spec.json").write_bytes(b"\xff" * 9)
    with pytest.raises(SpecError, match="must be the one that was submitted"):
        read_spec(open_storage(str(tmp_path)), str(tmp_path), sha256=spec_sha256(SPEC))


def test_a_folder_without_a_spec(tmp_path: Path) -> None:
    """Where this machine does not see what was written, that is said."""
    with pytest.raises(StorageError, match=r"must hold spec\.json, found none at .*; choose a storage"):
        read_spec(open_storage(str(tmp_path)), str(tmp_path), sha256=spec_sha256(SPEC))
