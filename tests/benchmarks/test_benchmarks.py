"""Each benchmark runs and has findings, at a size at which the figures mean nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import MODULES, main
from benchmarks.report import table

REPOSITORY = Path(__file__).parents[2]

# Benchmarks that run here with hyperopt's SparkTrials.
WITH_PEERS = ("utilisation",)

MEASURE = """
import json, sys
from importlib import import_module
from pathlib import Path
from benchmarks import report
from benchmarks.__main__ import MODULES
name, out, peers = json.loads(sys.argv[1])
report.OUT = Path(out)
benchmark = import_module(MODULES[name])
findings = benchmark.measure(benchmark.TINY, peers=peers)
report.picture(name, benchmark.QUESTION, findings.draw)
print(json.dumps([list(findings.columns), [list(row) for row in findings.rows]]))
"""


@pytest.mark.integration
@pytest.mark.timeout(900)  # one of them starts an Airflow
@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_fills_its_table(name: str, tmp_path: Path) -> None:
    """Every row has a value for every column, there is a picture, and stderr has no warnings.

    Each benchmark runs in its own process, because it sets log levels and Spark's settings.
    """
    if name.endswith("torch"):
        pytest.importorskip("torch", reason="PyTorch is not installed here: tools/torch.sh .venv installs it")
    peers = name in WITH_PEERS
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps([name, str(tmp_path), peers])],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not re.search(r" WARN |\[Stage ", done.stderr), done.stderr
    columns, rows = json.loads(done.stdout.splitlines()[-1])
    check(columns, rows)
    assert any("SparkTrials" in str(cell) for row in rows for cell in row) == peers
    assert (tmp_path / f"{name}.png").stat().st_size > 0


@pytest.mark.parametrize("flags", [[], ["--only", "replay"]])
def test_the_machine_is_described_once(
    flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line has the releases in use; it is printed for a single benchmark too."""
    measured: list[list[str]] = []
    process = SimpleNamespace(
        run=lambda command, check: measured.append(command) or SimpleNamespace(returncode=0)
    )
    monkeypatch.setattr("benchmarks.__main__.subprocess", process)
    monkeypatch.setattr("sys.argv", ["benchmarks", *flags])
    assert main() == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert all(re.search(rf"\b{what} \S", line) for what in ("Python", "Java", "Spark", "hyperopt"))
    assert len(measured) == (1 if flags else len(MODULES))
    assert all("--here" in command for command in measured)


def check(columns: list[str], rows: list[list[object]]) -> None:
    assert rows
    assert all(len(row) == len(columns) for row in rows)
    assert len(table(columns, rows).splitlines()) == 1 + len(rows)
