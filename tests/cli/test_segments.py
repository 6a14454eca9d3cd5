"""`sparktune` and the segments of an application, without Spark."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.cli import main
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.segments import Segments, read_segments, write_segments
from airflow_sparktune.study.storage import open_storage
from tests.orchestrator.launchers import InThisProcess
from tests.study.journal_samples import SPEC, closed, opened, trial, write

SEGMENTS = """
objective: m:f
space: {x: {uniform: [0, 1]}}
max_evals: 3
retuning: {incumbent: champion}
segments:
  north: {does: replaces}
  south: {does: SOUTH}
"""


@pytest.fixture
def application(tmp_path: Path) -> str:
    """Write an application whose first segment has ended, whose second one runs and whose third one waits."""
    address = str(tmp_path / "week.study")
    write_segments(address, Segments.of(SPEC, {"north": {}, "south": {}, "west": {}}))
    write(open_storage(address_of(address, "north")), 1, [opened(), trial(0, 0.5), closed()])
    now = time.time()
    write(open_storage(address_of(address, "south")), 1, [opened(at=now), trial(0, 0.25, at=now)])
    return address


def test_show_prints_a_line_for_each_segment(application: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", application]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [["north", "1", "0.5"], ["south", "1", "0.25"]]
    assert "reached max_evals" in lines[1]
    assert lines[3].split() == ["west", "waiting"]
    assert main(["show", application, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["segment"] for each in found["segments"]] == ["north", "south", "west"]
    assert found["segments"][0]["best_loss"] == 0.5
    assert main(["show", address_of(application, "north")]) == 0
    assert main(["show", application, "--output", "0"]) == 2


def test_the_list_has_the_studies_of_segments(application: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", str(Path(application).parent)]) == 0
    printed = capsys.readouterr().out
    assert "week.study/segment=north" in printed
    assert "week.study/segment=south" in printed


def test_segments_are_compared(application: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", application]) == 0
    printed = capsys.readouterr().out
    assert "segment=north" in printed
    assert "segment=south" in printed


def test_all_segments_or_one_are_stopped(application: str, capsys: pytest.CaptureFixture[str]) -> None:
    south = address_of(application, "south")
    assert main(["stop", south]) == 0
    assert stop_requested(open_storage(south), attempt=1) is not None
    assert stop_requested(open_storage(application), attempt=0) is None
    assert main(["stop", application]) == 0
    assert stop_requested(open_storage(application), attempt=0) is not None
    assert "1 of 3 are running" in capsys.readouterr().out
    write(open_storage(south), 2, [opened(2), trial(0, 0.5), closed()])
    assert main(["stop", application]) == 2


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a spec file; returns the exit code."""
    monkeypatch.chdir(tmp_path)
    started = InThisProcess(str(tmp_path / "week.study"))
    monkeypatch.setattr("airflow_sparktune.cli.submit._launcher", lambda *_, **__: started)

    def execute(text: str) -> int:
        (tmp_path / "week.yaml").write_text(text)
        return main(["run", "week.yaml"])

    return execute


def test_a_spec_file_has_segments(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has a champion of its own beside the application; the same command runs what failed again."""
    text = SEGMENTS.replace("SOUTH", "keeps") + "parallelism_per_segment: 2\n"
    assert run(text) == 0
    address = str(tmp_path / "week.study")
    assert read_segments(address).parallelism_per_segment == 2
    assert Champions(str(tmp_path), "north").current().params == {"x": 1}
    assert read_study(address_of(address, "south")).study.decision.outcome == "kept"
    assert "replaced" in capsys.readouterr().out
    assert run(text) == 0
    assert "have ended already" in capsys.readouterr().out


def test_a_failed_segment_is_named(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SEGMENTS.replace("SOUTH", "fails")) == 2
    printed = capsys.readouterr()
    assert "1 of 2 have none" in printed.err
    assert "south: the objective" in printed.err
    assert "replaced" in printed.out
    assert run(SEGMENTS.replace("SOUTH", "fails") + "on_failed_segments: skip\n") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("segments: [{name: a}, {name: a}]", "must have different names"),
        ("segments: []", "at least one segment"),
        ("segments: [{name: a, spice: 1}]", "spice"),
        ("on_failed_segments: skip", "must go with segments"),
    ],
)
def test_bad_segments(run: Any, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    assert run(f"objective: m:f\nspace: {{x: {{uniform: [0, 1]}}}}\nmax_evals: 3\n{text}") == 2
    assert message in capsys.readouterr().err
