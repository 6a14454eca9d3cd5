"""What every storage must make of a journal. A new storage supplies one fixture, `storage`, empty:

class TestS3Journal(JournalSuite):
    @pytest.fixture
    def storage(self): ...
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from airflow_sparktune.errors import Superseded
from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.journal import FOLDER, GATHER, Prefix, StreamReader, StreamWriter, streams
from airflow_sparktune.study.storage import Storage
from tests.study.samples import closed, follow, line, losses, opened, segment, trial, write

STREAM = "0001-0a0b0c0d"
OLDER, NEWER = "0002-00000000", "0002-ffffffff"


class Disturbed:
    """A storage on which something happens between a listing and what the reader does with it."""

    def __init__(self, storage: Storage, after_listing: Callable[[list[str]], list[str]]) -> None:
        self._storage = storage
        self._after_listing = after_listing
        self.listings = self.reads = 0

    def names(self, folder: str) -> list[str]:
        found = self._storage.names(folder)
        if folder == FOLDER:
            return found
        self.listings += 1
        return self._after_listing(found)

    def read(self, name: str) -> bytes:
        self.reads += 1
        return self._storage.read(name)

    def write(self, name: str, data: bytes) -> None:
        self._storage.write(name, data)

    def remove(self, names: Sequence[str]) -> None:
        self._storage.remove(names)


class JournalSuite:
    """The promises of a journal, kept on the storage of the fixture `storage`."""

    # --- files

    def test_what_was_written_reads_back(self, storage: Storage) -> None:
        """A file is there as soon as write returns, byte for byte, and can be replaced whole."""
        storage.write("spec.json", b"\x00\xff one\n")
        assert storage.read("spec.json") == b"\x00\xff one\n"
        storage.write("spec.json", b"")
        assert storage.read("spec.json") == b""

    def test_a_file_is_never_seen_half(self, storage: Storage) -> None:
        """Readers of a file that is being replaced see one version or the other, whole."""
        versions = [bytes([65 + index]) * (100_000 + index) for index in range(8)]
        storage.write("spec.json", versions[0])
        done, seen = threading.Event(), set()

        def read() -> None:
            while not done.is_set():
                seen.add(storage.read("spec.json"))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for version in versions * 3:
                storage.write("spec.json", version)
        finally:
            done.set()
            reader.join()
        assert seen <= set(versions)

    def test_names_are_sorted_and_direct(self, storage: Storage) -> None:
        """A listing has the files and folders directly in a folder, in order, and nothing unfinished."""
        for name in ("f/b", "f/a", "f/c/deep", "g"):
            storage.write(name, b"x")
        assert storage.names("f") == ["a", "b", "c"]

    def test_nothing_is_listed_where_nothing_is(self, storage: Storage) -> None:
        """A folder that does not exist lists as empty; neither does looking make it."""
        assert storage.names("nowhere") == []
        assert storage.names("") == []

    def test_a_missing_file_is_file_not_found(self, storage: Storage) -> None:
        """Reading what is not there, or a folder, raises FileNotFoundError, as the protocol says."""
        storage.write("folder/file", b"x")
        for name in ("nothing", "no/where", "folder"):
            with pytest.raises(FileNotFoundError):
                storage.read(name)

    def test_removing_is_idempotent(self, storage: Storage) -> None:
        """Removed files are gone; removing them again, or some that never were, is no error."""
        for name in ("b", "c", "d"):
            storage.write(f"a/{name}", b"x")
        for _ in range(2):
            storage.remove(["a/b", "a/never", "a/c"])
        assert storage.names("a") == ["d"]

    # --- writing and reading a stream

    def test_committed_events_read_back_in_order(self, storage: Storage) -> None:
        """What was committed is read, in the order it was appended; what was not is not."""
        writer = write(storage, 1, [opened()], [trial(0), trial(1)], [trial(0, 0.5)])
        writer.append(trial(1, 0.25))
        assert losses(follow(storage).study) == {0: 0.5, 1: None}
        writer.commit()
        assert losses(follow(storage).study) == {0: 0.5, 1: 0.25}

    def test_a_commit_is_one_segment(self, storage: Storage) -> None:
        """What is ready is written together; a commit of nothing writes nothing."""
        writer = write(storage, 1, [opened()], [trial(number) for number in range(5)], [])
        assert storage.names(f"{FOLDER}/{writer.stream}") == [
            "00000001-00000001.jsonl",
            "00000002-00000006.jsonl",
        ]

    def test_a_follower_reads_on_where_it_stopped(self, storage: Storage) -> None:
        """Refreshing brings what is new, and the prefix counts what was read."""
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
        """A study that has not begun reads as one without trials, and without problems."""
        follower = follow(storage)
        assert (follower.study.trials, follower.study.spec, follower.prefix) == ({}, None, ())
        assert follower.problems == []

    def test_an_attempt_that_has_not_opened_is_passed_over(self, storage: Storage) -> None:
        """A driver that died before its first event became durable hides nothing."""
        write(storage, 1, [opened()], [trial(0, 0.5)])
        storage.write(f"{FOLDER}/0002-0a0b0c0d/placeholder", b"")
        assert losses(follow(storage).study) == {0: 0.5}

    # --- rolling

    def test_rolling_keeps_the_events(self, storage: Storage) -> None:
        """A rolled stream is one segment that reads as the many did."""
        writer = write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)], [closed()])
        before = follow(storage)
        writer.roll()
        after = follow(storage)
        assert storage.names(f"{FOLDER}/{writer.stream}") == ["00000001-00000004.jsonl"]
        assert vars(after.study) == vars(before.study)
        assert (after.prefix, after.problems) == (before.prefix, [])

    def test_rolling_under_a_reader_that_holds_its_place(self, storage: Storage) -> None:
        """A follower in the middle of a stream goes on in the rolled segment, and reads nothing twice."""
        writer = write(storage, 1, [opened()], [trial(0)])
        follower = follow(storage)
        writer.append(trial(0, 0.5))
        writer.commit()
        writer.roll()
        follower.refresh()
        assert losses(follower.study) == {0: 0.5}
        assert follower.study.changes == 3

    def test_writing_goes_on_after_a_roll(self, storage: Storage) -> None:
        """A stream may be rolled in the middle of its life, and again."""
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
        """A reader whose listing is out of date, for its files were rolled up, looks again."""
        writer = write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)])

        def roll(found: list[str]) -> list[str]:
            if disturbed.listings == at_listing:
                writer.roll()
            return found

        disturbed = Disturbed(storage, roll)
        follower = follow(disturbed)
        assert losses(follower.study) == {0: 0.5}
        assert follower.problems == []

    def test_rolling_that_was_cut_short(self, storage: Storage) -> None:
        """A driver killed between writing the rolled segment and removing the old ones: nothing is twice."""
        writer = write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)])
        old = [segment(writer.stream, number) for number in (1, 3)]
        leftovers = {name: storage.read(name) for name in old}
        writer.roll()
        for name, data in leftovers.items():
            storage.write(name, data)
        follower = follow(storage)
        assert (follower.study.changes, losses(follower.study)) == (3, {0: 0.5})
        assert follower.problems == []

    def test_a_long_stream_that_was_never_closed_takes_few_reads(self, storage: Storage) -> None:
        """Its segments were gathered while it was written; a follower on its way reads nothing twice."""
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

    @pytest.mark.parametrize("lacks", [1, 2])
    def test_a_listing_that_lacks_a_segment(self, storage: Storage, lacks: int) -> None:
        """A listing taken while files come and go may lack one: the reader looks again, and loses nothing."""
        write(storage, 1, [opened()], [trial(0)], [trial(0, 0.5)], [trial(1)])

        def lack(found: list[str]) -> list[str]:
            return [name for index, name in enumerate(found) if disturbed.listings != 2 or index != lacks]

        disturbed = Disturbed(storage, lack)
        follower = follow(disturbed)
        assert losses(follower.study) == {0: 0.5, 1: None}
        assert follower.problems == []

    def test_a_prefix_whose_listing_lacks_its_end(self, storage: Storage) -> None:
        """What an attempt takes over is known to exist: a listing that lacks the end of it is not enough."""
        older = write(storage, 1, [opened()], [trial(0, 0.5)], [trial(1, 0.25)])
        write(storage, 2, [opened(2, takes=(Prefix(older.stream, 3),))])

        def lack(found: list[str]) -> list[str]:
            return found[:-1] if disturbed.listings == 2 else found

        disturbed = Disturbed(storage, lack)
        assert losses(follow(disturbed).study) == {0: 0.5, 1: 0.25}

    # --- taking over

    def test_a_takeover_ignores_what_the_older_driver_writes_beyond(self, storage: Storage) -> None:
        """What counts of an older stream is the prefix that was taken over, whichever wrote last."""
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
        """A third attempt stands on the prefixes of both before it; a prefix may end within a segment."""
        first = write(storage, 1, [opened(), trial(0, 0.5), trial(1, -9.0)])
        second = write(
            storage, 2, [opened(2, takes=(Prefix(first.stream, 2),)), trial(1, 0.25), trial(2, -9.0)]
        )
        write(storage, 3, [opened(3, takes=(Prefix(first.stream, 2), Prefix(second.stream, 2)))])
        assert losses(follow(storage).study) == {0: 0.5, 1: 0.25}

    def test_a_takeover_of_nothing_starts_anew(self, storage: Storage) -> None:
        """Another study in the same folder begins empty, and its attempts are counted from it."""
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
        """Both drivers and every reader agree on who goes on, whichever wrote last."""
        first = write(storage, 1, [opened()], [trial(0, 0.5)])
        takes = (Prefix(first.stream, 2),)
        one = write(storage, 2, [opened(2, takes=takes)], [trial(1, 0.1)], stream=NEWER)
        other = write(storage, 2, [opened(2, takes=takes)], [trial(1, 0.2)], stream=OLDER)
        one.check_newest()
        with pytest.raises(Superseded, match=NEWER):
            other.check_newest()
        assert losses(follow(storage).study) == {0: 0.5, 1: 0.1}

    def test_a_driver_that_was_superseded_is_told(self, storage: Storage) -> None:
        """check_newest raises Superseded once a newer attempt has opened, and says where to look."""
        older = write(storage, 1, [opened()])
        older.check_newest()
        newer = write(storage, 2, [opened(2)])
        with pytest.raises(Superseded, match=f"attempt 1 must .* attempt 2 .*{newer.stream}"):
            older.check_newest()
        newer.check_newest()

    def test_a_driver_that_died_before_it_opened_supersedes_nobody(self, storage: Storage) -> None:
        """A claim without its first event took nothing over, so the driver that runs goes on."""
        older = write(storage, 1, [opened()])
        storage.write(f"{FOLDER}/0002-0a0b0c0d/placeholder", b"")
        older.check_newest()

    def test_a_prefix_that_is_gone_is_reported(self, storage: Storage) -> None:
        """An attempt that stands on events which cannot be found says so, with how many are left."""
        older = write(storage, 1, [opened(), trial(0, 0.5)])
        write(storage, 2, [opened(2, takes=(Prefix(older.stream, 5),))])
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert f"event 5 of {older.stream}, of which only 2" in " ".join(follower.problems)

    # --- what does not belong there

    @pytest.mark.parametrize("keep", range(0, 120, 17))
    def test_a_torn_segment(self, storage: Storage, keep: int) -> None:
        """A segment cut at any byte: its whole events count, the rest is skipped, what follows counts."""
        data = line(trial(0, 0.5)) + line(trial(1, 0.25))
        write(storage, 1, [opened()], stream=STREAM)
        storage.write(segment(STREAM, 2, 3), data[: len(data) - keep - 2])
        storage.write(segment(STREAM, 4), line(trial(2, 0.125)))
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5, 2: 0.125}
        assert follower.prefix == (Prefix(STREAM, 4),)
        assert segment(STREAM, 2, 3) in " ".join(follower.problems)

    @pytest.mark.parametrize(
        "garbage",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"\n\n\n", id="blank lines"),
            pytest.param(bytes(range(256)) * 4, id="binary"),
            pytest.param(b"\xff\xfe\x00{\n", id="another encoding"),
            pytest.param(b'{"event": "trial"\n', id="torn"),
            pytest.param(b'["event"]\n', id="a list"),
            pytest.param(b"null\n", id="null"),
            pytest.param(b'{"v": 1}\n', id="no kind"),
            pytest.param(b'{"event": ["trial"]}\n', id="a kind that is no text"),
            pytest.param(b'{"event": "trial", "v": "1"}\n', id="a version that is no number"),
            pytest.param(b'{"event": "trial", "v": null}\n', id="no version"),
            pytest.param(b'{"event": "slots", "slots": NaN}\n', id="not a number"),
            pytest.param(b'{"event": "slots", "slots": 1e999}\n', id="beyond any float"),
            pytest.param(b"[" * 100_000 + b"\n", id="nested without end"),
            pytest.param(b'{"event": "slots", "slots": ' + b"9" * 5_000 + b"}\n", id="endless number"),
        ],
    )
    def test_garbage_in_a_segment(self, storage: Storage, garbage: bytes) -> None:
        """What is no event is reported with its file and skipped; what follows counts."""
        write(storage, 1, [opened()], stream=STREAM)
        storage.write(segment(STREAM, 2), garbage)
        storage.write(segment(STREAM, 3), line(trial(0, 0.5)))
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert [segment(STREAM, 2) in problem for problem in follower.problems] == [True]

    @pytest.mark.parametrize(
        "event",
        [
            {"event": "trial"},
            {"event": "trial", "trial": None},
            {"event": "trial", "trial": "0"},
            {"event": "trial", "trial": {}},
            {"event": "trial", "trial": {**trial(1)["trial"], "number": "1"}},
            {"event": "trial", "trial": {**trial(1)["trial"], "number": -1}},
            {"event": "trial", "trial": {**trial(1)["trial"], "state": "lost"}},
            {"event": "trial", "trial": {**trial(1)["trial"], "state": "ok"}},
            {"event": "trial", "trial": {**trial(1)["trial"], "origin": "heaven"}},
            {"event": "trial", "trial": {**trial(1, 0.5)["trial"], "loss": "0.5"}},
            {"event": "trial", "trial": {**trial(1, 0.5)["trial"], "loss": True}},
            {"event": "trial", "trial": {**trial(1)["trial"], "start": "noon"}},
            {"event": "trial", "trial": {**trial(1)["trial"], "start": 1e18}},
            {"event": "trial", "trial": {**trial(1)["trial"], "point": [1]}},
            {"event": "trial", "trial": {**trial(1)["trial"], "info": None}},
            {"event": "trial", "trial": {**trial(1)["trial"], "error": "it raised"}},
            {"event": "trial", "trial": {**trial(1)["trial"], "error": {"kind": "bad luck", "message": ""}}},
            {"event": "slots", "slots": "many"},
            {"event": "slots", "slots": -1},
            {"event": "spark", "spark": "yarn"},
            {"event": "closed"},
            {"event": "closed", "reason": "tired", "at": 1.0},
            {"event": "closed", "reason": "timeout", "at": "noon"},
            {"event": "closed", "reason": "timeout", "at": 1.0, "error": "it failed"},
            {"event": "closed", "reason": "timeout", "at": 1.0, "timing": [1]},
            {**opened(), "spec": None},
            {**opened(), "spec": {"objective": "x"}},
            {**opened(), "seed": "seven"},
            {**opened(), "dimensions": [None]},
            {**opened(), "at": None},
        ],
        ids=lambda event: str(event)[:60],
    )
    def test_an_event_of_the_wrong_shape(self, storage: Storage, event: dict[str, object]) -> None:
        """An event that is not what its kind should be changes nothing, is reported, and ends nothing."""
        writer = write(storage, 1, [opened()], [trial(0, 0.5)])
        follower = follow(storage)
        before = {**vars(follower.study), "trials": dict(follower.study.trials)}
        writer.append(event)
        writer.commit()
        follower.refresh()
        assert vars(follower.study) == before
        assert len(follower.problems) == 1
        assert repr(event["event"]) in follower.problems[0]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"event": "slots"},
            {"takes": 1},
            {"takes": None},
            {"takes": [1]},
            {"takes": [["../../etc", 1]]},
            {"takes": [["0001-0a0b0c0d"]]},
            {"takes": [["0001-0a0b0c0d", "2"]]},
            {"takes": [["0003-0a0b0c0d", 2]]},
            {"takes": [["0002-ffffffff", 2]]},
            {"spec": {}},
            {"attempt": "2"},
        ],
        ids=str,
    )
    def test_an_attempt_that_does_not_begin_as_one(self, storage: Storage, wrong: dict[str, object]) -> None:
        """A stream whose first event cannot be followed is reported, and the one before it still counts."""
        write(storage, 1, [opened()], [trial(0, 0.5)], stream=STREAM)
        write(storage, 2, [{**opened(2), **wrong}], [trial(0, -9.0)], stream="0002-ffffffff")
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert "0002-ffffffff" in " ".join(follower.problems)

    def test_an_event_of_a_later_version(self, storage: Storage) -> None:
        """What a later schema means is not guessed: reported with the way out, and skipped."""
        write(storage, 1, [opened()], [{**trial(0, 0.5), "v": 2}], [trial(1, 0.25)])
        follower = follow(storage)
        assert losses(follower.study) == {1: 0.25}
        assert "schema 2" in follower.problems[0]
        assert "upgrade" in follower.problems[0]

    def test_an_event_of_an_unknown_kind(self, storage: Storage) -> None:
        """A kind or a key that a later version added within the schema changes nothing, and is no problem."""
        write(storage, 1, [opened(weather="fine")], [{"event": "weather", "at": 5.0}], [trial(0, 0.5)])
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert follower.problems == []

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

    def test_a_reader_alone(self, storage: Storage) -> None:
        """poll gives each event once, and with `upto` no further than asked."""
        writer = write(storage, 1, [opened(), trial(0)], [trial(0, 0.5)])
        reader = StreamReader(storage, writer.stream, problems=[])
        assert [event["event"] for event in reader.poll(upto=1)] == ["opened"]
        assert list(reader.poll(upto=1)) == []
        assert [event["event"] for event in reader.poll()] == ["trial", "trial"]
        assert (list(reader.poll()), reader.seen) == ([], 3)

    @pytest.mark.parametrize("commits", [1, 2, GATHER - 1, GATHER, GATHER + 1, 2 * GATHER])
    def test_a_rolled_stream_is_whole_whatever_was_gathered_before(
        self, storage: Storage, commits: int
    ) -> None:
        """Rolling leaves every event, also where the last commit gathered all of it."""
        writer = write(storage, 1, [opened()], *([trial(number)] for number in range(commits - 1)))
        writer.roll()
        assert sorted(follow(storage).study.trials) == list(range(commits - 1))
        assert len(storage.names(f"{FOLDER}/{writer.stream}")) == 1

    def test_what_json_cannot_hold_does_not_enter(self, storage: Storage) -> None:
        """append refuses non-finite numbers and objects; the stream goes on without the event."""
        writer = StreamWriter(storage, 1)
        writer.append(opened())
        for value in (float("nan"), float("inf"), object(), {1, 2}, b"x"):
            with pytest.raises(ValueError, match="JSON"):
                writer.append({"event": "slots", "slots": value})
        writer.commit()
        follower = StudyFollower(storage)
        follower.refresh()
        assert follower.study.changes == 1
