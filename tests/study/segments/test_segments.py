"""The segments of an application: what may differ, what bad input gets, and where the studies are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.study.address import address_of, application_of
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.segments import (
    MOST,
    Segments,
    read_segments,
    read_submitted_segments,
    write_segments,
)
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from tests.study.journal_samples import closed, opened, trial

COMMON: dict[str, Any] = {
    "objective": "m:f",
    "space": {"x": {"uniform": [0, 1]}},
    "max_evals": 24,
    "objective_kwargs": {"data": "s3://lake", "region": None},
    "parallelism": 8,
    "timeout": 3600,
    "limits": {"budget_slot_hours": 4, "no_progress": 9},
}
SPEC = Spec.of(**COMMON)
NORTH = {"name": "north", "objective_kwargs": {"region": "n"}}


def test_a_segment_has_the_common_spec_with_its_own_arguments_and_limits() -> None:
    """The application's parallelism, time and slot-hours are not each segment's."""
    south = {
        "name": "south",
        "max_evals": "6",
        "timeout": timedelta(minutes=1),
        "limits": {"no_progress": 3, "budget_slot_hours": 1},
    }
    first, second = Segments.of(SPEC, [NORTH, south], parallelism_per_segment="2").specs()
    assert first == Spec.of(
        **{
            **COMMON,
            "segment": "north",
            "objective_kwargs": {"data": "s3://lake", "region": "n"},
            "parallelism": 2,
            "timeout": None,
            "limits": {"no_progress": 9},
        }
    )
    assert (second.segment, second.max_evals, second.timeout) == ("south", 6, 60)
    assert (second.limits.no_progress, second.limits.budget_slot_hours) == (3, 1)
    assert second.objective_kwargs == SPEC.objective_kwargs


def test_arguments_by_name_are_segments() -> None:
    """The short form names each segment by its key; a number, as a template may give it, is a name too."""
    short = Segments.of(SPEC, {"north": {"region": "n"}, 7: {}})
    assert short == Segments.of(SPEC, [NORTH, {"name": "7"}])
    assert short.names == ("north", "7")


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([], "segments must be at least one segment, got none"),
        ({}, "segments must be at least one segment, got none"),
        ("north", "segments must be a list of segments, or an object"),
        ("[{'name': 'n'}]", "must be an object or a list itself, got its text"),
        (["north"], r"segments\[0\] must be an object with a name, got 'north'; write"),
        ([{}], r"segments\[0\] must have a name, got None"),
        ([{"name": " "}], r"segments\[0\] must have a name, got ' '"),
        ([{"name": True}], r"segments\[0\] must have a name, got True"),
        ([NORTH, dict(NORTH)], "segments must have different names, got 'north' twice"),
        ([{**NORTH, "algo": "tpe"}], r"segments\[0\] must have known keys only, got 'algo'"),
        ([{**NORTH, "limits": {"no_progres": 3}}], "did you mean 'no_progress'"),
        ([{**NORTH, "limits": {"no_progress": 0}}], r"segments\[0\]\.limits\.no_progress must be a whole"),
        ([{**NORTH, "max_evals": 0}], r"segments\[0\]\.max_evals must be a whole"),
        ({"north": 3}, r"segments\['north'\]\.objective_kwargs must be an object"),
        ([{"name": str(i)} for i in range(10_000)], f"at most {MOST:,} in one application, got 10,000"),
    ],
)
def test_bad_segments_are_refused_in_one_sentence(segments: Any, message: str) -> None:
    """Before Spark starts, with the way out."""
    with pytest.raises(SpecError, match=message):
        Segments.of(SPEC, segments)


def test_segments_that_contradict_the_common_spec_are_refused() -> None:
    """The error names the segment; the spec's own `segment` would be that of all."""
    retuned = Spec.of(**COMMON, retuning={"incumbent": "champion", "confirm": {"top": 5}})
    with pytest.raises(SpecError, match=r"segment 'north': retuning\.confirm\.top must be below max_evals"):
        Segments.of(retuned, [{**NORTH, "max_evals": 4}])
    with pytest.raises(SpecError, match="segment must be left unset with segments, got 'fr'"):
        Segments.of(Spec.of(**COMMON, segment="fr"), [NORTH])
    with pytest.raises(
        SpecError, match="parallelism_per_segment must be a whole number of at least 1, got 0"
    ):
        Segments.of(SPEC, [NORTH], parallelism_per_segment=0)
    with pytest.raises(SpecError, match="on_failed_segments must be one of fail, skip, got 'no'"):
        Segments.of(SPEC, [NORTH], on_failed_segments="no")


def test_segments_too_large_for_a_file_are_refused() -> None:
    """The driver could not read them back."""
    large = {"name": "north", "objective_kwargs": {"data": "x" * 20_000_000}}
    with pytest.raises(SpecError, match="at most 16777216 bytes as JSON"):
        Segments.of(SPEC, [large])


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The driver runs only the segments with the hash that was submitted."""
    address = f"{tmp_path}/g0"
    written = Segments.of(
        SPEC, [NORTH, {"name": "süd", "max_evals": 3, "timeout": 5, "limits": {"no_progress": 2}}]
    )
    assert read_segments(address) is None
    with pytest.raises(StorageError, match=r"must hold segments\.json"):
        read_submitted_segments(open_storage(address), address, sha256=written.sha256)
    write_segments(address, written)
    assert read_segments(address) == written
    assert read_submitted_segments(open_storage(address), address, sha256=written.sha256) == written
    write_segments(address, Segments.of(SPEC, [NORTH]))
    with pytest.raises(SpecError, match="must be the one that was submitted"):
        read_submitted_segments(open_storage(address), address, sha256=written.sha256)


@pytest.mark.parametrize("data", [b"[]", b"{", b'{"schema": 1, "spec": 3, "segments": []}', b'{"schema": 2}'])
def test_an_invalid_file_is_one_error(tmp_path: Path, data: bytes) -> None:
    """Others may write to the folder."""
    open_storage(str(tmp_path)).write("segments.json", data)
    with pytest.raises(SpecError, match=r"a spec"):
        read_segments(str(tmp_path))


@given(
    st.sampled_from(["/data/d/t/r/g0", "/data/d/t/r/3/g12", "s3://lake/d/t/r/g1", "week.study", "a/week/"]),
    st.text(min_size=1),
)
def test_a_segments_study_leads_back_to_its_application(application: str, name: str) -> None:
    """Its folder has the generation of the application; a study of a task without segments has none."""
    assert application_of(address_of(application, name)) == application.rstrip("/")
    assert application_of(application) is None


def test_names_that_differ_in_case_have_different_folders() -> None:
    """A file system may ignore case; the record of champions names its folders in the same way."""
    folders = {address_of("/d/t/r/g0", name).lower() for name in ("north", "North", "NORTH")}
    assert len(folders) == 3


FAILED = {"type": "ObjectiveError", "message": "no", "retryable": False}


@pytest.mark.parametrize(
    ("segment", "ran", "end", "left"),
    [
        pytest.param({}, None, None, True, id="waits"),
        pytest.param({}, {}, None, True, id="was cut off"),
        pytest.param({}, {}, closed("max_evals"), False, id="has a result"),
        pytest.param({}, {}, closed("killed"), True, id="killed"),
        pytest.param({}, {}, closed("error", error=FAILED), False, id="failed"),
        pytest.param({}, {}, closed("error", error={**FAILED, "retryable": True}), True, id="lost"),
        pytest.param({}, {}, closed("error", error={**FAILED, "type": "PlatformError"}), True, id="no Spark"),
        pytest.param({}, {"objective": "m:old"}, closed("error", error=FAILED), True, id="mended since"),
        pytest.param({"max_evals": 9}, {"max_evals": 1}, closed("max_evals"), True, id="a raised limit"),
        pytest.param({}, {"timeout": 9}, closed("timeout"), False, id="used its share of the time"),
        pytest.param(
            {}, {"limits": {"budget_slot_hours": 1}}, closed("budget_slot_hours"), False, id="hours"
        ),
        pytest.param({"timeout": 99}, {"timeout": 9}, closed("timeout"), True, id="a raised timeout"),
    ],
)
def test_a_retry_runs_only_what_has_no_verdict(segment: Any, ran: Any, end: Any, left: bool) -> None:
    """A share of the application's time is no limit that somebody could raise."""
    found = Segments.of(SPEC, [{"name": "north", "max_evals": 1, **segment}])
    own = found.spec_of(found.segments[0])
    study = Study()
    if ran is not None:
        study.apply(opened(spec=Spec.from_json({**own.to_json(), **ran})))
        study.apply(trial(0, 0.5))
    if end is not None:
        study.apply(end)
    assert found.left(found.segments[0], study) is left
