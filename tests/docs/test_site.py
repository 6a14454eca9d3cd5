"""Sphinx builds the site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_sparktune import errors
from airflow_sparktune.study.definition import ARGUMENTS

ROOT = Path(__file__).parents[2]


@pytest.mark.integration
def test_the_site_builds_with_complete_tables(tmp_path: Path) -> None:
    """There are no warnings, and the generated tables have every argument and every error."""
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(ROOT / "docs"), str(tmp_path)],
        check=True,
    )
    operator = (tmp_path / "reference" / "operator.html").read_text()
    assert all(f">{item.name}<" in operator for item in ARGUMENTS)
    table = (tmp_path / "reference" / "errors.html").read_text()
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type))
    assert all(f">{kind.__name__}<" in table for kind in kinds if issubclass(kind, errors.SparktuneError))
