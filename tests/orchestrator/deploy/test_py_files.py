"""Wheels in `py_files`."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.submit_files import importable


def test_a_wheel_is_sent_as_a_zip(tmp_path: Path) -> None:
    """Executors import only from zips and eggs; other files are not changed."""
    wheel = tmp_path / "blend-1.0-py3-none-any.whl"
    wheel.write_bytes(b"a zip")
    folder = tmp_path / "work"
    folder.mkdir()
    sent = importable(f"/lib/own.zip, {wheel},s3://lake/more.py", folder=folder)
    assert sent == ["/lib/own.zip", str(folder / "blend-1.0-py3-none-any.zip"), "s3://lake/more.py"]
    assert Path(sent[1]).read_bytes() == b"a zip"


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing(tmp_path: Path, nothing: str | None) -> None:
    assert importable(nothing, folder=tmp_path) == []


@pytest.mark.parametrize(
    ("wheel", "rule"),
    [
        ("/lib/scipy-1.0-cp311-cp311-linux_x86_64.whl", r"must be pure Python .*got scipy-1\.0.*archives"),
        ("/lib/gone-1.0-py3-none-any.whl", "must be a file on this worker, got /lib/gone"),
        ("s3://lake/blend-1.0-py3-none-any.whl", "must be a file on this worker, got s3://lake"),
    ],
)
def test_an_invalid_wheel(tmp_path: Path, wheel: str, rule: str) -> None:
    with pytest.raises(PlatformError, match=rule):
        importable(wheel, folder=tmp_path)
