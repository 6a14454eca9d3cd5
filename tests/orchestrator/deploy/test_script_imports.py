"""The modules that a script imports from beside it are shipped to the executors."""

from __future__ import annotations

from pathlib import Path

from airflow_sparktune.orchestrator.deploy.user_code import script_imports


def test_imports_of_a_script_are_shipped_without_the_script(tmp_path: Path) -> None:
    """Imports are followed; libraries and the script itself are not shipped."""
    (tmp_path / "search.py").write_text("import json\nimport numpy\nfrom demand import loss\n")
    (tmp_path / "demand.py").write_text("import shops\n")
    (tmp_path / "shops.py").write_text("")
    (tmp_path / "other.py").write_text("")
    code = script_imports(str(tmp_path / "search.py"), bases=())
    assert code is not None
    assert set(code.files) == {"demand.py", "shops.py"}


def test_a_script_without_imports_ships_nothing(tmp_path: Path) -> None:
    (tmp_path / "search.py").write_text("import json\n")
    assert script_imports(str(tmp_path / "search.py"), bases=()) is None
    assert script_imports("s3://bucket/search.py", bases=()) is None
