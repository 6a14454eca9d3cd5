from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_sparktune.driver import main


@pytest.mark.parametrize(
    ("ending", "code", "message"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('the data is not there')", 1, "the data is not there"),
    ],
)
def test_a_script_exits_as_under_python(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    ending: str,
    code: int,
    message: str,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nassert sys.argv[1:] == ['--fast']\n{ending}\n")
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("SPARKTUNE_STUDY", "")
    with caplog.at_level(logging.ERROR):
        assert main._run_script("/studies/s", [str(script), "--fast"]) == code
    assert message in caplog.text
    assert os.environ["SPARKTUNE_STUDY"] == "/studies/s"


@pytest.mark.parametrize("closing", ["sys.stdout.close()", "os.close(1)", "sys.stdout = None"])
def test_a_script_may_close_its_output(tmp_path: Path, closing: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, threading, time\n"
        "threading.Thread(target=time.sleep, args=[60]).start()  # as a cancelled trial may\n"
        f"print('said'); {closing}; sys.exit(3)\n"
    )
    command = [sys.executable, "-m", "airflow_sparktune.driver.main", "--study", str(tmp_path), "--script"]
    ended = subprocess.run([*command, str(script)], capture_output=True, timeout=30, check=False)
    assert ended.returncode == 3


def test_another_release_in_the_drivers_image(tmp_path: Path) -> None:
    """The error has both releases, and the way out."""
    command = [sys.executable, "-m", "airflow_sparktune.driver.main", "--study", str(tmp_path)]
    options = ["--release", "9.9.9", "--spec-sha256", "0" * 64]
    ended = subprocess.run([*command, *options], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "got 9.9.9 in the task and" in ended.stdout
    assert "install airflow-sparktune==9.9.9 in the image" in ended.stdout
