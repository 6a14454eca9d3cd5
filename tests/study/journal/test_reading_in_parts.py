"""A follower can stop early and continue later, so that a page responds while a very long journal is read."""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.storage import MemoryStorage
from tests.study.journal_samples import follow, opened, trial, write


class Counted(MemoryStorage):
    """Counts the reads of each file; `fails` names one whose next read fails."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()
        self.fails = ""

    def read(self, name: str) -> bytes:
        self.reads[name] += 1
        if name == self.fails:
            self.fails = ""
            raise StorageUnavailable("the storage does not answer")
        return super().read(name)


@pytest.fixture
def storage() -> Counted:
    """Return a journal of two attempts with seven events that count."""
    storage = Counted()
    older = write(storage, 1, [opened(), trial(0), trial(1)], [trial(0, 0.5)], [trial(1, 9.0)])
    write(storage, 2, [opened(2, takes=follow(storage).prefix)], [trial(2), trial(2, 0.25)])
    older.append(trial(1, -9.0))
    older.commit()
    storage.reads.clear()
    return storage


def in_parts(storage: MemoryStorage, parts: int) -> StudyFollower:
    follower = StudyFollower(storage)
    for _ in range(parts):
        follower.refresh(enough=lambda: True)
    return follower


def test_parts_give_the_same_study_as_one_read(storage: Counted) -> None:
    whole = follow(storage)
    parted = in_parts(storage, 9)
    assert not parted.behind
    assert vars(parted.study) == vars(whole.study)
    assert parted.prefix == whole.prefix


def test_each_file_is_read_once(storage: Counted) -> None:
    in_parts(storage, 9)
    assert set(storage.reads.values()) == {1}


def test_a_follower_says_that_it_is_behind(storage: Counted) -> None:
    follower = in_parts(storage, 3)
    assert follower.behind
    assert sorted(follower.study.trials) == [0, 1]
    follower.refresh()
    assert not follower.behind
    assert sorted(follower.study.trials) == [0, 1, 2]


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("parts", [0, 1])
def test_no_event_is_lost_if_a_read_fails_in_between(storage: Counted, attempt: int, parts: int) -> None:
    expected = vars(follow(storage).study)
    follower = in_parts(storage, parts)
    storage.fails = [name for name in sorted(storage.files) if name.startswith(f"attempts/{attempt:04}-")][1]
    with pytest.raises(StorageUnavailable):
        follower.refresh()
    follower.refresh()
    assert vars(follower.study) == expected
