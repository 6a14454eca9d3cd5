from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.study.journal.events import (
    Alive,
    Event,
    Prefix,
    Recommended,
    SlotsChanged,
    SparkStarted,
    from_json,
)
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.spark_application import SparkApplication
from airflow_sparktune.study.result import summary, trial_row
from airflow_sparktune.study.storage import MemoryStorage
from airflow_sparktune.study.study import Study
from tests.study.journal_samples import BEGAN, Raw, closed, data, opened, trial, write

LOSSES = st.none() | st.floats(-2, 2) | st.integers(-2, 2)
EVENTS = st.one_of(
    st.builds(trial, st.integers(0, 5), LOSSES),
    st.builds(trial, st.integers(0, 5), LOSSES, attempt=st.integers(1, 3), tries=st.integers(1, 3)),
    st.builds(closed, st.sampled_from(["killed", "max_evals", "timeout"])),
    st.builds(lambda slots: SlotsChanged(at=BEGAN + slots, slots=slots), st.integers(0, 9)),
    st.builds(lambda after: Alive(at=BEGAN + after), st.integers(0, 99)),
    st.just(SparkStarted(at=BEGAN, spark=SparkApplication(application="app-1"))),
    st.builds(lambda number: Recommended(trial=number, loss=0.5, noise=0.1), st.integers(0, 6)),
    st.just(Raw(data={"event": "weather"})),
    st.just(Raw(data={"event": "trial", "trial": {"number": "0"}})),
    st.just(Raw(data={"event": "closed", "reason": "tired"})),
)
STREAMS = ("0001-00000001", "0002-00000002", "0003-00000003")


def observable(study: Study) -> dict[str, Any]:
    """Return everything that can be asked of a study."""
    return {
        **vars(study),
        "result_stands": study.result_stands,
        "finished": study.finished,
        "elapsed_s": study.elapsed_s,
        "summary": summary(study),
        "rows": [trial_row(each) for each in study.trials.values()],
    }


def replay(study: Study, events: list[Event]) -> Study:
    for event in events:
        try:
            study.apply(from_json(data(event)))
        except ValueError:
            continue
    return study


def cut(draw: st.DrawFn, events: list[Event]) -> list[list[Event]]:
    """Split events into chunks of any length."""
    marks = draw(st.sets(st.integers(1, max(len(events) - 1, 1))))
    return [events[a:b] for a, b in itertools.pairwise([0, *sorted(marks), len(events)])]


@st.composite
def journals(draw: st.DrawFn) -> tuple[MemoryStorage, list[Event]]:
    """Draw a journal of up to three attempts, with the events in it that count, in order."""
    storage, counted = MemoryStorage(), []
    takes: tuple[Prefix, ...] = ()
    for attempt, stream in enumerate(STREAMS[: draw(st.integers(1, 3))], start=1):
        events = [opened(attempt, takes=takes), *draw(st.lists(EVENTS, max_size=8))]
        writer = write(storage, attempt, *cut(draw, events), stream=stream)
        if draw(st.booleans()):
            writer.roll()
        taken = draw(st.integers(1, len(events)))
        takes = (*takes, Prefix(stream, taken))
        newest, counted = [*counted, *events], [*counted, *events[:taken]]
    return storage, newest


@given(st.lists(EVENTS, max_size=20), st.integers(0, 20))
def test_a_prefix_and_then_the_rest_is_the_whole(events: list[Event], at: int) -> None:
    """Replaying a prefix and then the rest equals replaying the whole."""
    events = [opened(), *events]
    whole = replay(Study(), events)
    parts = replay(Study(), events[:at])
    observable(parts)
    assert observable(replay(parts, events[at:])) == observable(whole)


@given(st.lists(EVENTS, max_size=20))
def test_the_best_is_the_best(events: list[Event]) -> None:
    """At any time, `lowest` is the successful trial with the lowest loss, the first among equals.

    `best` is the same, unless another successful trial is recommended.
    """
    study = replay(Study(), [opened(), *events])
    ok = [each for each in study.trials.values() if each.state == "ok"]
    assert study.lowest == min(ok, key=lambda each: (each.loss, each.number), default=None)
    found = study.recommended
    assert study.best == (study.lowest if found is None else study.trials[found.trial])
    assert study.best is None or study.best in ok


@given(journals())
def test_what_a_follower_reads_is_what_counts(journal: tuple[MemoryStorage, list[Event]]) -> None:
    """A follower reads the events that count, in order, however they are split into chunks."""
    storage, counted = journal
    follower = StudyFollower(storage)
    follower.refresh()
    assert observable(follower.study) == observable(replay(Study(), counted))


@given(journals(), st.data())
def test_following_along_is_reading_at_the_end(
    journal: tuple[MemoryStorage, list[Event]], picks: st.DataObject
) -> None:
    """A follower that watches a journal grow has the same study as one that reads it at the end."""
    storage, _ = journal
    growing = MemoryStorage()
    watching = StudyFollower(growing)
    for name in sorted(storage.files):
        growing.write(name, storage.files[name])
        if picks.draw(st.booleans()):
            watching.refresh()
    watching.refresh()
    late = StudyFollower(storage)
    late.refresh()
    assert observable(watching.study) == observable(late.study)
    assert watching.prefix == late.prefix


@given(journals(), st.data())
def test_no_damage_is_fatal(journal: tuple[MemoryStorage, list[Event]], picks: st.DataObject) -> None:
    """A study with any damaged file can still be read and queried."""
    storage, _ = journal
    name = picks.draw(st.sampled_from(sorted(storage.files)))
    there = storage.files[name]
    at = picks.draw(st.integers(0, len(there)))
    storage.files[name] = picks.draw(
        st.one_of(
            st.just(there[:at]),
            st.binary(max_size=50).map(lambda junk: there[:at] + junk + there[at:]),
            st.binary(max_size=200),
        )
    )
    follower = StudyFollower(storage)
    follower.refresh()
    json.dumps([summary(follower.study).to_json(), *map(trial_row, follower.study.trials.values())])
