"""A stream can be rolled into one chunk while it is read."""

from __future__ import annotations

import pytest

from airflow_sparktune.study.journal.events import Prefix
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.journal.writer import GATHER
from airflow_sparktune.study.storage import Storage
from tests.study.journal_samples import chunk, closed, follow, losses, opened, trial, write
from tests.study.journal_suite.disturbed import Disturbed

OLDER, NEWER = "0002-00000000", "0002-ffffffff"


class RollingSuite:
    """Tests of rolling and gathering chunks while readers have outdated listings."""

    def test_rolling_keeps_the_events(self, storage: Storage) -> None:
        """A rolled stream is one chunk with the same events."""
        writer = write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)], [closed()])
        before = follow(storage)
        writer.roll()
        after = follow(storage)
        assert storage.names(f"{FOLDER}/{writer.stream}") == ["00000001-00000004.jsonl"]
        assert vars(after.study) == vars(before.study)
        assert (after.prefix, after.problems) == (before.prefix, [])

    def test_rolling_under_a_reader_that_holds_its_place(self, storage: Storage) -> None:
        """A follower in the middle of a stream continues in the rolled chunk, and reads nothing twice."""
        writer = write(storage, 1, [opened()], [trial(0)])
        follower = follow(storage)
        writer.append(trial(0, 0.5))
        writer.commit()
        writer.roll()
        follower.refresh()
        assert losses(follower.study) == {0: 0.5}
        assert follower.study.changes == 3

    def test_writing_goes_on_after_a_roll(self, storage: Storage) -> None:
        """A stream can be rolled in the middle and appended to afterwards, repeatedly."""
        writer = write(storage, 1, [opened()], [trial(0)])
        for number in (1, 2):
            writer.roll()
            writer.append(trial(number, 0.5))
            writer.commit()
        writer.roll()
        assert sorted(follow(storage).study.trials) == [0, 1, 2]
        assert follow(storage).problems == []

    @pytest.mark.parametrize("at_listing", [1, 2])
    def test_rolling_between_a_listing_and_its_reading(self, storage: Storage, at_listing: int) -> None:
        """A reader with an outdated listing, whose files were rolled up, lists again."""
        writer = write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)])

        def roll(found: list[str]) -> list[str]:
            if disturbed.listings == at_listing:
                writer.roll()
            return found

        disturbed = Disturbed(storage, roll)
        follower = follow(disturbed)
        assert losses(follower.study) == {0: 0.5}
        assert follower.problems == []

    def test_a_rolled_stream_is_read_once(self, storage: Storage) -> None:
        """Where each request is paid for, a study that has ended costs one read."""
        write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)]).roll()
        counted = Disturbed(storage, lambda found: found)
        assert losses(follow(counted).study) == {0: 0.5}
        assert counted.reads == 1

    def test_rolling_that_was_cut_short(self, storage: Storage) -> None:
        """If a driver is killed before it removes the old chunks, no event counts twice."""
        writer = write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)])
        old = [chunk(writer.stream, number) for number in (1, 3)]
        leftovers = {name: storage.read(name) for name in old}
        writer.roll()
        for name, content in leftovers.items():
            storage.write(name, content)
        follower = follow(storage)
        assert (follower.study.changes, losses(follower.study)) == (3, {0: 0.5})
        assert follower.problems == []

    @pytest.mark.parametrize("keep", range(2, 300, 33))
    def test_rolling_that_tore_its_chunk(self, storage: Storage, keep: int) -> None:
        """If a driver dies while it writes the whole stream, the old chunks still hold every event."""
        writer = write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)], [trial(1, 0.25)])
        lines = b"".join(
            storage.read(chunk(writer.stream, number)).rstrip(b"\n") + b"\n" for number in (1, 2, 3, 4)
        )
        storage.write(chunk(writer.stream, 1, 4), lines[:-keep])
        follower = follow(storage)
        assert (follower.study.changes, losses(follower.study)) == (4, {0: 0.5, 1: 0.25})
        assert follower.prefix[-1].events == 4

    def test_a_long_stream_that_was_never_closed_takes_few_reads(self, storage: Storage) -> None:
        """Segments are gathered while they are written, and a follower in the middle reads nothing twice."""
        writer = write(storage, 1, [opened()], *([trial(number)] for number in range(3 * GATHER // 2)))
        early = follow(storage)
        for number in range(3 * GATHER // 2):
            writer.append(trial(number, 0.5))
            writer.commit()
        counted = Disturbed(storage, lambda found: found)
        late = follow(counted)
        early.refresh()
        assert vars(early.study) == vars(late.study)
        assert early.prefix == late.prefix
        assert early.problems + late.problems == []
        assert counted.reads <= 3 + GATHER

    @pytest.mark.parametrize("commits", [1, 2, GATHER - 1, GATHER, GATHER + 1, 2 * GATHER])
    def test_a_rolled_stream_is_whole_whatever_was_gathered_before(
        self, storage: Storage, commits: int
    ) -> None:
        """Rolling keeps every event, even if the last commit gathered the whole stream."""
        writer = write(storage, 1, [opened()], *([trial(number)] for number in range(commits - 1)))
        writer.roll()
        assert sorted(follow(storage).study.trials) == list(range(commits - 1))
        assert len(storage.names(f"{FOLDER}/{writer.stream}")) == 1

    @pytest.mark.parametrize("lacks", [1, 2])
    def test_a_listing_that_lacks_a_segment(self, storage: Storage, lacks: int) -> None:
        """A listing taken during changes may lack a chunk: the reader lists again, and loses nothing."""
        write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)], [trial(1)])

        def lack(found: list[str]) -> list[str]:
            return [name for index, name in enumerate(found) if disturbed.listings != 2 or index != lacks]

        disturbed = Disturbed(storage, lack)
        follower = follow(disturbed)
        assert losses(follower.study) == {0: 0.5, 1: None}
        assert follower.problems == []

    def test_a_prefix_whose_listing_lacks_its_end(self, storage: Storage) -> None:
        """A reader lists again if a listing lacks the end of a prefix that an attempt takes over."""
        older = write(storage, 1, [opened()], [trial(0, 0.5)], [trial(1, 0.25)])
        write(storage, 2, [opened(2, takes=(Prefix(older.stream, 3),))])

        def lack(found: list[str]) -> list[str]:
            return found[:-1] if disturbed.listings == 2 else found

        disturbed = Disturbed(storage, lack)
        assert losses(follow(disturbed).study) == {0: 0.5, 1: 0.25}
