"""Files of others in a study folder are skipped."""

from __future__ import annotations

import pytest

from airflow_sparktune.study.journal import FOLDER
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.testing.samples import follow, line, losses, opened, segment, trial, write

STREAM = "0001-0a0b0c0d"
OLDER, NEWER = "0002-00000000", "0002-ffffffff"


class ForeignSuite:
    """Files and folders that no driver wrote, and files that somebody deleted."""

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
        """What has no segment's name is reported once and never read as one."""
        write(storage, 1, [opened()], stream=STREAM)
        storage.write(f"{FOLDER}/{STREAM}/{name}", line(trial(0, -9.0)))
        follower = follow(storage)
        follower.refresh()
        assert follower.study.trials == {}
        assert len(follower.problems) == 1
        assert name.split("/")[0] in follower.problems[0]

    def test_a_folder_that_has_a_segments_name(self, storage: Storage) -> None:
        """A segment that is listed but is no file is reported; what follows counts."""
        write(storage, 1, [opened()], stream=STREAM)
        storage.write(f"{segment(STREAM, 2)}/inside", b"")
        storage.write(segment(STREAM, 3), line(trial(0, 0.5)))
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert segment(STREAM, 2) in " ".join(follower.problems)

    def test_a_segment_that_is_missing(self, storage: Storage) -> None:
        """Events that somebody deleted are reported by number; what follows counts."""
        writer = write(storage, 1, [opened()], [trial(0, 0.5)], [trial(1, 0.25)], [trial(2, 0.125)])
        storage.remove([segment(writer.stream, 2), segment(writer.stream, 3)])
        follower = follow(storage)
        assert losses(follower.study) == {2: 0.125}
        assert "events 2 to 3" in " ".join(follower.problems)

    def test_foreign_names_among_the_streams(self, storage: Storage) -> None:
        """Folders and files that are no attempt's stream are reported, once, and hide nothing."""
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
