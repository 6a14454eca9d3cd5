"""A spec that is too deep, too large, or has numbers of too many digits: one sentence says so."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from airflow_sparktune.cli import main

DEEP, DIGITS = "[" * 100_000 + "]" * 100_000, "9" * 5_000


def repeated(level: str) -> str:
    """Return eleven lines of YAML whose last value is 9 to the power of 10 values."""
    lines = ["a: &a {k: v}"]
    for below, name in pairwise("abcdefghijk"):
        lines.append(f"{name}: &{name} {level.format(', '.join([f'*{below}'] * 9))}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (f'{{"objective": {DEEP}}}', "values that are nested too deep"),
        (f"objective: {DEEP}", "values that are nested too deep"),
        ("objective: " + "[" * 150 + "]" * 150, "values must be nested at most 100 deep"),
        ("a: &a [*a, *a]", "values must be nested at most 100 deep"),
        (repeated("[{}]"), "there must be at most 1000000 values"),
        (repeated("{{<<: [{}]}}"), "there must be at most 1000000 values"),
        (f'{{"max_evals": {DIGITS}}}', "must hold values that can be read, got: Exceeds the limit"),
        (f"max_evals: {DIGITS}", "must hold values that can be read, got: Exceeds the limit"),
        (f"max_evals: 0x{DIGITS}", "a number must be within 1e300, got one of 20000 bits"),
        (f"max_evals: {DIGITS[:400]}", "a number must be within 1e300"),
        ("a: !!bool maybe", "must hold values that can be read, got: 'maybe'"),
    ],
    ids=["json", "yaml", "150", "itself", "lists", "merges", "json digits", "digits", "hex", "400", "tag"],
)  # fmt: skip
def test_a_spec_file(spec: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spec.yaml").write_text(spec)
    assert main(["run", str(tmp_path / "spec.yaml")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--objective-kwargs", DEEP, "... (200002 characters): JSON must be nested less deep"),
        ("--max-evals", DIGITS, "... (5002 characters); it is the number of trials to finish"),
        ("--max-evals", DIGITS[:400], "max_evals must be a whole number of at least 1"),
    ],
    ids=["deep", "5000", "400"],
)
def test_an_option(
    option: str, value: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message shows the beginning of the value."""
    (tmp_path / "spec.yaml").write_text("objective: m:f\nspace: {x: {uniform: [0, 1]}}\nmax_evals: 9")
    assert main(["run", str(tmp_path / "spec.yaml"), option, value]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert len(line) < 600
