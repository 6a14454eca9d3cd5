"""An attempt continues from a prefix of an earlier one."""

from __future__ import annotations

import pytest

from airflow_sparktune.errors import Superseded
from airflow_sparktune.study.journal.events import Prefix
from airflow_sparktune.study.journal.streams import FOLDER, streams
from airflow_sparktune.study.storage import Storage
from tests.study.journal_samples import closed, follow, losses, opened, trial, write

OLDER, NEWER = "0002-00000000", "0002-ffffffff"


class TakeoverSuite:
    """Tests of several attempts, and of drivers that are superseded."""

    def test_a_takeover_ignores_what_the_older_driver_writes_beyond(self, storage: Storage) -> None:
        """Only the prefix that was taken over counts, even if the older driver writes last."""
        older = write(storage, 1, [opened()], [trial(0, 0.5)], [trial(1)])
        follower = follow(storage)
        newer = write(storage, 2, [opened(2, takes=follower.prefix)], [trial(1, 0.25)])
        older.append(trial(1, -9.0))
        older.append(closed())
        older.commit()
        older.roll()
        for reader in (follow(storage), follower):
            reader.refresh()
            assert losses(reader.study) == {0: 0.5, 1: 0.25}
            assert reader.study.closed is None
            assert reader.prefix == (Prefix(older.stream, 3), Prefix(newer.stream, 2))
            assert [attempt.number for attempt in reader.study.attempts] == [1, 2]

    def test_a_takeover_of_takeovers(self, storage: Storage) -> None:
        """A third attempt continues the prefixes of both earlier ones; a prefix may end within a chunk."""
        first = write(storage, 1, [opened(), trial(0, 0.5), trial(1, -9.0)])
        second = write(
            storage, 2, [opened(2, takes=(Prefix(first.stream, 2),)), trial(1, 0.25), trial(2, -9.0)]
        )
        write(storage, 3, [opened(3, takes=(Prefix(first.stream, 2), Prefix(second.stream, 2)))])
        assert losses(follow(storage).study) == {0: 0.5, 1: 0.25}

    def test_an_attempt_that_takes_over_nothing_starts_over(self, storage: Storage) -> None:
        """Another study in the same folder starts empty, and counts only its own attempts."""
        write(storage, 1, [opened()], [trial(0, 0.5)])
        write(storage, 2, [opened(2)])
        follower = follow(storage)
        assert follower.study.trials == {}
        assert len(follower.study.attempts) == 1

    def test_attempts_are_ordered_as_numbers(self, storage: Storage) -> None:
        """Attempt 10000 comes after attempt 9999."""
        for attempt in (10_000, 9_999):
            write(storage, attempt, [opened(attempt)])
        assert [name.split("-")[0] for name in streams(storage)] == ["9999", "10000"]
        assert follow(storage).study.attempts[-1].number == 10_000

    def test_two_drivers_that_claim_one_number(self, storage: Storage) -> None:
        """Both drivers and every reader agree which of the two continues."""
        first = write(storage, 1, [opened()], [trial(0, 0.5)])
        takes = (Prefix(first.stream, 2),)
        one = write(storage, 2, [opened(2, takes=takes)], [trial(1, 0.1)], stream=NEWER)
        other = write(storage, 2, [opened(2, takes=takes)], [trial(1, 0.2)], stream=OLDER)
        one.check_newest()
        with pytest.raises(Superseded, match=NEWER):
            other.check_newest()
        assert losses(follow(storage).study) == {0: 0.5, 1: 0.1}

    def test_a_superseded_driver_raises(self, storage: Storage) -> None:
        """check_newest raises Superseded once a newer attempt has opened, and names its stream."""
        older = write(storage, 1, [opened()])
        older.check_newest()
        newer = write(storage, 2, [opened(2)])
        with pytest.raises(Superseded, match=f"attempt 1 must .* attempt 2 .*{newer.stream}"):
            older.check_newest()
        newer.check_newest()

    def test_a_driver_that_died_before_it_opened_supersedes_nobody(self, storage: Storage) -> None:
        """A stream without its first event does not supersede the running driver."""
        older = write(storage, 1, [opened()])
        storage.write(f"{FOLDER}/0002-0a0b0c0d/placeholder", b"")
        older.check_newest()

    def test_a_prefix_that_is_gone_is_reported(self, storage: Storage) -> None:
        """Missing events of a prefix are reported, with the number of events that were found."""
        older = write(storage, 1, [opened(), trial(0, 0.5)])
        write(storage, 2, [opened(2, takes=(Prefix(older.stream, 5),))])
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert f"from event 5 of {older.stream}, but only 2" in " ".join(follower.problems)
