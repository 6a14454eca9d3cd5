"""A stream reads back as it was written."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sparktune.study.journal.events import Opened, Prefix, SlotsChanged, TrialChanged
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.problems import Problems
from airflow_sparktune.study.journal.reader import StreamReader
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.journal.writer import StreamWriter
from airflow_sparktune.study.storage import Storage
from tests.study.journal_samples import Raw, follow, losses, opened, trial, write

OLDER, NEWER = "0002-00000000", "0002-ffffffff"


class StreamSuite:
    """Tests of writing and reading one stream."""

    def test_committed_events_read_back_in_order(self, storage: Storage) -> None:
        """Committed events are read in the order of append; others are not read."""
        writer = write(storage, 1, [opened()], [trial(0), trial(1)], [trial(0, 0.5)])
        writer.append(trial(1, 0.25))
        assert losses(follow(storage).study) == {0: 0.5, 1: None}
        writer.commit()
        assert losses(follow(storage).study) == {0: 0.5, 1: 0.25}

    def test_a_commit_is_one_segment(self, storage: Storage) -> None:
        """A commit writes all appended events as one chunk, and nothing if there are none."""
        writer = write(storage, 1, [opened()], [trial(number) for number in range(5)], [])
        assert storage.names(f"{FOLDER}/{writer.stream}") == [
            "00000001-00000001.jsonl",
            "00000002-00000006.jsonl",
        ]

    def test_a_follower_reads_on_where_it_stopped(self, storage: Storage) -> None:
        """refresh reads the new events, and the prefix counts all events read."""
        writer = write(storage, 1, [opened()], [trial(0)])
        follower = follow(storage)
        study = follower.study
        writer.append(trial(0, 0.5))
        writer.commit()
        follower.refresh()
        assert follower.study is study
        assert losses(study) == {0: 0.5}
        assert follower.prefix == (Prefix(writer.stream, 3),)

    def test_a_missing_folder_is_an_empty_study(self, storage: Storage) -> None:
        """A study without a journal reads as empty, without problems."""
        follower = follow(storage)
        assert (follower.study.trials, follower.study.spec, follower.prefix) == ({}, None, ())
        assert follower.problems == []

    def test_an_attempt_that_has_not_opened_is_passed_over(self, storage: Storage) -> None:
        """A stream without its first event is ignored."""
        write(storage, 1, [opened()], [trial(0, 0.5)])
        storage.write(f"{FOLDER}/0002-0a0b0c0d/placeholder", b"")
        assert losses(follow(storage).study) == {0: 0.5}

    def test_a_reader_alone(self, storage: Storage) -> None:
        """poll yields each event once, and with `upto` no later event."""
        writer = write(storage, 1, [opened(), trial(0)], [trial(0, 0.5)])
        reader = StreamReader(storage, writer.stream, problems=Problems())
        assert [type(event) for event in reader.poll(upto=1)] == [Opened]
        assert list(reader.poll(upto=1)) == []
        assert [type(event) for event in reader.poll()] == [TrialChanged, TrialChanged]
        assert (list(reader.poll()), reader.seen) == ([], 3)

    def test_what_json_cannot_hold_does_not_enter(self, storage: Storage) -> None:
        """append rejects events that readers would reject, and the stream continues without them."""
        writer = StreamWriter(storage, 1)
        writer.append(opened())
        for value in (float("nan"), float("inf"), object(), {1, 2}, b"x", 10**400, _nested(600)):
            with pytest.raises(ValueError, match=r"JSON|deep|within 1e300"):
                writer.append(Raw(data={"event": "weather", "rain": value}))
        with pytest.raises(ValueError, match="slots of the event cannot be -1"):
            writer.append(SlotsChanged(slots=-1))
        writer.commit()
        follower = StudyFollower(storage)
        follower.refresh()
        assert follower.study.changes == 1


def _nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value
