"""Journals of every released version stay readable. Each has a folder in tests/golden/ that never changes.

`study/` is a study folder written by that version; `expected.json` is the expected content. Beside them,
`events.jsonl` and `entries.jsonl` hold each kind of event and entry in the form that is written today.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal import events
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.journal.streams import SCHEMA
from airflow_sparktune.study.record.entries import Entry
from airflow_sparktune.study.result import summary, trial_row

GOLDEN = Path(__file__).parents[2] / "golden"
VERSIONS = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())


def differences(found: Any, expected: Any) -> dict[str, Any]:
    """Yield the differences between the content read and the expected one; keys added later are ignored."""
    return {key: found.get(key, "missing") for key, value in expected.items() if found.get(key) != value}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_journal_reads_as_it_did(version: str) -> None:
    """Summary, trials and takeovers read as they did in the version that wrote them."""
    follower = read_study(str(GOLDEN / version / "study"))
    expected = json.loads((GOLDEN / version / "expected.json").read_text())
    assert follower.problems == expected["problems"]
    assert [[prefix.stream, prefix.events] for prefix in follower.prefix] == expected["prefix"]
    assert differences(summary(follower.study).to_json(), expected["summary"]) == {}
    rows = [trial_row(trial) for trial in follower.study.trials.values()]
    assert len(rows) == len(expected["trials"])
    assert [differences(row, trial) for row, trial in zip(rows, expected["trials"], strict=True)] == [
        {}
    ] * len(rows)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_spec_reads_as_it_did(version: str) -> None:
    """The spec in the folder has the study's identity, so that the journal is resumed."""
    follower = read_study(str(GOLDEN / version / "study"))
    spec = Spec.from_json(json.loads((GOLDEN / version / "study" / "spec.json").read_text()))
    assert follower.study.spec is not None
    assert follower.study.spec.changed_identity(spec) == ()


def test_events_are_written_as_they_were() -> None:
    """Each line is read and written again without a difference, so that the form on disk cannot drift."""
    lines = (GOLDEN / "events.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert {each["event"] for each in found} == set(events._KINDS)
    written = [{"v": SCHEMA, **events.to_json(events.from_json(each))} for each in found]
    assert [json.dumps(each, separators=(",", ":")) for each in written] == lines


def test_entries_are_written_as_they_were() -> None:
    """The entries of a record of champions, in the same way."""
    lines = (GOLDEN / "entries.jsonl").read_text().splitlines()
    written = [{"v": SCHEMA, **Entry.from_json(json.loads(line)).to_json()} for line in lines]
    assert [json.dumps(each, separators=(",", ":")) for each in written] == lines
