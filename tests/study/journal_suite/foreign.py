"""Foreign files in a study folder are skipped."""

from __future__ import annotations

import pytest

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.journal.streams import FOLDER, MOST_ATTEMPTS, next_attempt
from airflow_sparktune.study.storage import Storage
from tests.study.journal_samples import chunk, follow, line, losses, opened, trial, write

STREAM = "0001-0a0b0c0d"
OLDER, NEWER = "0002-00000000", "0002-ffffffff"


class ForeignSuite:
    """Tests with files and folders that no driver wrote, and with deleted files."""

    @pytest.mark.parametrize(
        "name",
        [
            "notes.txt",
            "00000002.jsonl",
            "00000002-00000002.jsonl.bak",
            "00000003-00000002.jsonl",
            "00000000-00000002.jsonl",
            "٠٠٠٠٠٠٠٢-٠٠٠٠٠٠٠٢.jsonl",
            "deeper/00000002-00000002.jsonl",
        ],
    )
    def test_a_foreign_file_in_a_stream(self, storage: Storage, name: str) -> None:
        """A file without a chunk's name is reported once and not read."""
        write(storage, 1, [opened()], stream=STREAM)
        storage.write(f"{FOLDER}/{STREAM}/{name}", line(trial(0, -9.0)))
        follower = follow(storage)
        follower.refresh()
        assert follower.study.trials == {}
        assert len(follower.problems) == 1
        assert name.split("/")[0] in follower.problems[0]

    def test_a_folder_that_has_a_segments_name(self, storage: Storage) -> None:
        """A folder with a chunk's name is reported, and later chunks count."""
        write(storage, 1, [opened()], stream=STREAM)
        storage.write(f"{chunk(STREAM, 2)}/inside", b"")
        storage.write(chunk(STREAM, 3), line(trial(0, 0.5)))
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert chunk(STREAM, 2) in " ".join(follower.problems)

    def test_a_segment_that_is_missing(self, storage: Storage) -> None:
        """Deleted events are reported by number, and later events count."""
        writer = write(storage, 1, [opened()], [trial(0, 0.5)], [trial(1, 0.25)], [trial(2, 0.125)])
        storage.remove([chunk(writer.stream, 2), chunk(writer.stream, 3)])
        follower = follow(storage)
        assert losses(follower.study) == {2: 0.125}
        assert "events 2 to 3" in " ".join(follower.problems)

    def test_foreign_names_among_the_streams(self, storage: Storage) -> None:
        """Folders and files that are not streams are reported once, and the study is still read."""
        write(storage, 1, [opened()], [trial(0, 0.5)])
        storage.write(f"{FOLDER}/lost+found/00000001-00000001.jsonl", line(opened(9)))
        storage.write(f"{FOLDER}/0009-notahash/00000001-00000001.jsonl", line(opened(9)))
        storage.write(f"{FOLDER}/README", b"hello")
        storage.write(f"{FOLDER}/0009-0a0b0c0d", b"a file with a stream's name")
        follower = follow(storage)
        follower.refresh()
        assert losses(follower.study) == {0: 0.5}
        for name in ("lost+found", "0009-notahash", "README"):
            assert sum(name in problem for problem in follower.problems) == 1

    def test_many_foreign_files_are_one_problem(self, storage: Storage) -> None:
        """The number of foreign files and of listings does not matter."""
        write(storage, 1, [opened()], [trial(0, 0.5)], stream=STREAM)
        for number in range(100):
            storage.write(f"{FOLDER}/{STREAM}/{number}.txt", b"")
        follower = follow(storage)
        follower.refresh()
        assert losses(follower.study) == {0: 0.5}
        (problem,) = follower.problems
        assert "100 entries" in problem
        assert len(problem) < 300

    def test_a_segment_is_worth_its_lines_and_not_its_name(self, storage: Storage) -> None:
        """A name that claims ten million events does not hide events that are written later."""
        writer = write(storage, 1, [opened()], [trial(0, 0.5)], stream=STREAM)
        storage.write(chunk(STREAM, 2, 99_999_999), b"{}")
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        writer.append(trial(1, 0.25))
        writer.commit()
        follower.refresh()
        assert losses(follower.study) == {0: 0.5, 1: 0.25}

    def test_an_attempt_is_numbered_after_those_that_have_opened(self, storage: Storage) -> None:
        """A folder with a higher number but without an opened attempt does not affect the next number."""
        write(storage, 7, [opened(7)])
        storage.write(f"{FOLDER}/999999-0a0b0c0d/notes.txt", b"")
        storage.write(f"{FOLDER}/{'9' * 240}-0a0b0c0d/00000001-00000001.jsonl", line(opened(9)))
        assert next_attempt(storage) == 8

    def test_a_study_without_a_number_left_says_what_to_remove(self, storage: Storage) -> None:
        """If a foreign folder has the last number, the error says to remove it."""
        write(storage, MOST_ATTEMPTS, [opened(MOST_ATTEMPTS)])
        with pytest.raises(StorageError, match="remove it, because no driver made it"):
            next_attempt(storage)
