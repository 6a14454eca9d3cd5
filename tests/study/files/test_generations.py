from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sparktune.study.files.generations import Owner, earlier_generations, write_owner


@pytest.mark.parametrize(
    ("name", "earlier"),
    [
        ("g0", []),
        ("g3", ["g1", "g0"]),
        ("g9999", ["g12", "g4", "g3", "g1", "g0"]),
        ("g20261124", []),  # a folder that a user named: it is not a generation
        ("g03", []),
        ("study", []),
    ],
)
def test_existing_generations(tmp_path: Path, name: str, earlier: list[str]) -> None:
    """Only existing folders count, newest first; other names are ignored."""
    for folder in ("g0", "g1", "g3", "g4", "g12", "g05", "gold", "g20261123"):
        (tmp_path / folder).mkdir()
    assert earlier_generations(f"{tmp_path}/{name}/") == [f"{tmp_path}/{each}" for each in earlier]


def test_only_generations_of_the_same_dag_run_count(tmp_path: Path) -> None:
    """Those of a deleted run with the same id are not taken over."""
    for number in range(5):
        (tmp_path / f"g{number}").mkdir()
    write_owner(str(tmp_path), Owner(token="t", first=2))
    assert earlier_generations(f"{tmp_path}/g4") == [f"{tmp_path}/g3", f"{tmp_path}/g2"]
    assert earlier_generations(f"{tmp_path}/g2") == []


def test_a_name_without_a_folder_has_no_generations() -> None:
    """A study in the current folder has no generations."""
    assert earlier_generations("g5") == []
