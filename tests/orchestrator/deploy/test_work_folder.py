"""The temporary folders of ended attempts are removed, at the latest by the next attempt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_sparktune.orchestrator.deploy.work_folder import work_folder

OWNER = """
from airflow_sparktune.orchestrator.deploy.work_folder import work_folder
with work_folder() as folder:
    (folder / "code.zip").touch()
    print(folder, flush=True)
    input()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_work_folder_is_removed_at_the_end(temporary: Path) -> None:
    with work_folder() as folder:
        (folder / "scratch").mkdir()
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


def test_the_work_folder_of_a_killed_owner_is_removed_by_the_next(temporary: Path) -> None:
    """The folder of a running owner is kept."""
    pipe = subprocess.PIPE
    (temporary / "sparktune-of-somebody-else").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=pipe,
        stdout=pipe,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as owner:
        assert owner.stdout is not None
        other = Path(owner.stdout.readline().strip())
        with work_folder():
            assert (other / "code.zip").exists()
        owner.kill()
        owner.wait()
        assert (other / "code.zip").exists()
        with work_folder() as folder:
            assert sorted(temporary.iterdir()) == sorted([folder, temporary / "sparktune-of-somebody-else"])
