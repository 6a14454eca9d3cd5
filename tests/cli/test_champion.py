"""`sparktune champion`: the champion, its history, and rollbacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_sparktune.cli import main
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for segment in ("fr", None):
        record = Champions(str(tmp_path), segment)
        for number, action in enumerate((Action.FIRST, Action.REPLACED), start=1):
            record.add(
                action,
                cause=f"study {number}",
                at=1.8e9,
                params={"lr": number / 3},
                reason="better",
                loss=0.5,
            )
    return tmp_path


def test_the_champion_of_every_segment(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["champion", str(root)]) == 0
    one, other = capsys.readouterr().out.splitlines()
    assert one == "  2  2027-01-15T08:00  replaced  loss 0.5  lr=0.6667  better"
    assert "  fr  replaced" in other


def test_the_history_as_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["champion", str(root), "--segment", "fr", "--history", "--json"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["number"], each["action"]) for each in entries] == [(1, "first"), (2, "replaced")]


def test_a_rollback(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The entry names the user, and the next retuning compares with the restored champion."""
    assert main(["champion", str(root), "--segment", "fr", "--restore", "1"]) == 0
    assert "restored  loss 0.5  lr=0.3333  restored entry 1 (first) (by " in capsys.readouterr().out
    champion = Champions(str(root), "fr").current()
    assert champion is not None
    assert champion.params == {"lr": 1 / 3}
    assert Champions(str(root)).current().number == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--restore", "1"], "--restore must name one champion; add --segment NAME"),
        (["--segment", "de"], "--segment must have a champion, got 'de'; segments with one: fr"),
        (["--segment", "fr", "--restore", "9"], "must have an entry 9 to restore"),
    ],
)
def test_invalid_arguments(
    root: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["champion", str(root), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_proposal_cannot_be_restored(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be a promotion without the approval."""
    record = Champions(str(root), "fr")
    record.add(Action.PROPOSED, cause="study 3", at=1.8e9, params={"lr": 9}, reason="better")
    assert main(["champion", str(root), "--segment", "fr", "--restore", "3"]) == 2
    assert "must have set the champion, got entry 3 (proposed)" in capsys.readouterr().err
    assert record.current().number == 2  # type: ignore[union-attr]


def test_a_folder_without_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["champion", str(tmp_path)]) == 2
    assert "ROOT must hold a record of champions, found none below" in capsys.readouterr().err
