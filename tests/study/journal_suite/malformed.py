"""A malformed event is skipped, and the other events count."""

from __future__ import annotations

import pytest

from airflow_sparktune.study.journal.events import Prefix
from airflow_sparktune.study.storage import Storage
from tests.study.journal_samples import (
    chunk,
    data,
    follow,
    line,
    losses,
    opened,
    trial,
    trial_data,
    write,
)

STREAM = "0001-0a0b0c0d"


class MalformedSuite:
    """Tests with torn chunks, garbage, events of the wrong shape, and events of later versions."""

    @pytest.mark.parametrize("keep", range(0, 120, 17))
    def test_a_torn_segment(self, storage: Storage, keep: int) -> None:
        """A chunk cut at any byte: its complete events count, the rest is skipped, later chunks count."""
        lines = line(trial(0, 0.5)) + b"\n" + line(trial(1, 0.25)) + b"\n"
        write(storage, 1, [opened()], stream=STREAM)
        storage.write(chunk(STREAM, 2, 3), lines[: len(lines) - keep - 2])
        storage.write(chunk(STREAM, 4), line(trial(2, 0.125)))
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5, 2: 0.125}
        assert follower.prefix == (Prefix(STREAM, 4),)
        assert chunk(STREAM, 2, 3) in " ".join(follower.problems)

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
        """Lines that are not events are reported with their file and skipped; later chunks count."""
        write(storage, 1, [opened()], stream=STREAM)
        storage.write(chunk(STREAM, 2), garbage)
        storage.write(chunk(STREAM, 3), line(trial(0, 0.5)))
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert [chunk(STREAM, 2) in problem for problem in follower.problems] == [True]

    @pytest.mark.parametrize(
        "event",
        [
            {"event": "trial"},
            {"event": "trial", "trial": None},
            {"event": "trial", "trial": "0"},
            {"event": "trial", "trial": {}},
            trial_data(number="1"),
            trial_data(number=-1),
            trial_data(state="lost"),
            trial_data(state="ok"),
            trial_data(origin="heaven"),
            trial_data(state="ok", loss="0.5"),
            trial_data(state="ok", loss=True),
            trial_data(start="noon"),
            trial_data(start=1e18),
            trial_data(point=[1]),
            trial_data(info=None),
            trial_data(error="it raised"),
            trial_data(error={"kind": "bad luck", "message": ""}),
            {"event": "slots", "slots": "many"},
            {"event": "slots", "slots": -1},
            {"event": "spark", "spark": "yarn"},
            {"event": "closed"},
            {"event": "closed", "reason": "tired", "at": 1.0},
            {"event": "closed", "reason": "timeout", "at": "noon"},
            {"event": "closed", "reason": "timeout", "at": 1.0, "error": "it failed"},
            {"event": "closed", "reason": "timeout", "at": 1.0, "timing": [1]},
            {**data(opened()), "spec": None},
            {**data(opened()), "spec": {"objective": "x"}},
            {**data(opened()), "seed": "seven"},
            {**data(opened()), "dimensions": [None]},
            {**data(opened()), "at": None},
            {"event": "decided", "decision": None},
            {
                "event": "decided",
                "decision": {"decision": "kept", "reason": "", "params": 1, "confirmation": "lost"},
            },
        ],
        ids=lambda event: str(event)[:60],
    )
    def test_an_event_of_the_wrong_shape(self, storage: Storage, event: dict[str, object]) -> None:
        """An event of the wrong shape is reported, changes nothing, and does not end the study."""
        writer = write(storage, 1, [opened()], [trial(0, 0.5)])
        follower = follow(storage)
        before = {**vars(follower.study), "trials": dict(follower.study.trials)}
        writer.append_line(line(event))
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
        """A stream without a valid first event is reported, and the stream before it still counts."""
        write(storage, 1, [opened()], [trial(0, 0.5)], stream=STREAM)
        write(storage, 2, [{**data(opened(2)), **wrong}], [trial(0, -9.0)], stream="0002-ffffffff")
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert "0002-ffffffff" in " ".join(follower.problems)

    def test_an_event_of_a_later_version(self, storage: Storage) -> None:
        """An event of a later schema is skipped, and the report says to upgrade."""
        write(storage, 1, [opened()], [{**data(trial(0, 0.5)), "v": 2}], [trial(1, 0.25)])
        follower = follow(storage)
        assert losses(follower.study) == {1: 0.25}
        assert "schema 2" in follower.problems[0]
        assert "upgrade" in follower.problems[0]

    def test_an_event_of_an_unknown_kind(self, storage: Storage) -> None:
        """An unknown kind or key within the schema changes nothing, and is not reported."""
        write(
            storage,
            1,
            [{**data(opened()), "weather": "fine"}],
            [{"event": "weather", "at": 5.0}],
            [trial(0, 0.5)],
        )
        follower = follow(storage)
        assert losses(follower.study) == {0: 0.5}
        assert follower.problems == []
