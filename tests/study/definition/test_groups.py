"""Groups of a spec: what was set is remembered, and flat keys of old journals are read."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import (
    GROUPS,
    SCRIPT,
    Confirm,
    Execution,
    Limits,
    Retuning,
    Spec,
    WarmStart,
    as_written,
    given_fields,
    nested,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "0.1.0" / "study" / "spec.json"
REQUIRED: dict[str, Any] = {"objective": "m:f", "space": {"x": {"uniform": [0, 1]}}, "max_evals": 20}


def test_a_group_is_written_with_the_keys_that_were_set() -> None:
    """Also in copies, and also if a key was set to its default."""
    group = Retuning(incumbent="champion", confirm=Confirm(repeats=5), margin="{{ params.margin }}")
    expected = {"incumbent": "champion", "confirm": {"repeats": 5}, "margin": "{{ params.margin }}"}
    for each in (group, copy.copy(group), copy.deepcopy(group), pickle.loads(pickle.dumps(group))):
        assert as_written(each) == expected
    assert as_written({"incumbent": "champion", "confirm": Confirm(repeats=5), "guardrails": None}) == {
        "incumbent": "champion",
        "confirm": {"repeats": 5},
    }


@pytest.mark.parametrize(
    "warm_start", ["previous", WarmStart(points="previous"), {"points": "previous", "share": None}], ids=str
)
def test_a_value_an_object_and_a_short_form_are_the_same(warm_start: Any) -> None:
    given = {"limits": Limits(no_progress=5), "warm_start": warm_start}
    spec = Spec.of(**REQUIRED, **given)
    assert spec == Spec.of(**REQUIRED, limits={"no_progress": "5"}, warm_start={"points": "previous"})
    assert given_fields(given) == {"limits.no_progress": 5, "warm_start.points": "previous"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"no_progress": 5},
            "a spec must have known keys only, got 'no_progress'; did you mean 'limits.no_pr",
        ),
        ({"replace_margin": 0}, "did you mean 'retuning.margin'"),
        ({"limits": {"no_progres": 5}}, "limits must have known keys only, .* did you mean 'no_progress'"),
        (
            {"limits": {"x": 5}},
            "limits must have known keys only, got 'x'; the keys are trial_timeout, loss_",
        ),
        ({"limits": Execution(fresh_workers=True)}, "limits must have known keys only, got 'fresh_workers'"),
        ({"limits": {"timeout": 5}}, "got 'timeout'; did you mean 'timeout' outside limits"),
        ({"limits": {"margin": "2%"}}, "got 'margin'; did you mean 'retuning.margin'"),
        (
            {"retuning": {"confirm": 5}},
            r"got \{'repeats': 5\} without one; add incumbent: champion to retuning",
        ),
        ({"limits": 5}, "limits must be an object of keys and values, got 5; the keys are trial_timeout"),
        ({"limits": "{'no_progress': 5}"}, "limits must be an object .* set render_template_as_native_obj"),
        (
            {"retuning": {"incumbent": "champion", "confirm": {"repeat": 5}}},
            "retuning.confirm must have known",
        ),
    ],
)
def test_what_is_no_group(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Spec.of(**REQUIRED, **given)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(no_progess=5), "Limits must .* got 'no_progess'; did you mean 'no_progress'"),  # type: ignore[call-arg]
        (lambda: Limits(timeout=5), "got 'timeout'; did you mean 'timeout' outside Limits"),  # type: ignore[call-arg]
        (
            lambda: Confirm(8),
            "Confirm must get each value by its key, got 8 without one; the keys are top, re",
        ),  # type: ignore[call-arg]
    ],
)
def test_a_wrong_key_of_a_value_is_an_error_of_the_spec(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "m:f", "objective.x": 3}, "got 'objective.x'; did you mean 'objective'"),
        ({3: "m:f"}, "a spec must have known keys only, got 3; the keys are objective, space"),
        ({"code": "0" * 64}, "a spec must have known keys only, got 'code'"),
        ({"limits": {"no_progress": 4}, "limits.no_progress": 5}, "limits.no_progress must be given once"),
    ],
)
def test_what_nobody_can_set(given: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        given_fields(given)


def test_flat_keys_of_a_journal_are_read() -> None:
    """A study that was begun before there were groups goes on; keys of later versions are ignored."""
    flat = {
        **REQUIRED,
        "trial_timeout": 9.0,
        "max_trial_retries": 1,
        "budget_slot_hours": 2.0,
        "incumbent": "champion",
        "incumbent_mismatch": "drop",
        "on_broken_incumbent": "replace",
        "confirm": {"top": 3, "repeats": 8, "confidence": 0.9, "objective_kwargs": {}, "timeout_share": 0.25},
        "replace_margin": "2%",
        "promote": "manual",
        "warm_start": "previous",
        "warm_start_share": 0.5,
        "run_trials_on": "driver",
        "shared_data": "a:b",
        "storage_grace": 60.0,
        "segment": None,
    }
    spec = Spec.of(
        **REQUIRED,
        limits=Limits(trial_timeout=9.0, max_trial_retries=1, budget_slot_hours=2.0),
        retuning=Retuning(
            incumbent="champion",
            on_mismatch="drop",
            on_broken="replace",
            confirm=Confirm(repeats=8, confidence=0.9),
            margin="2%",
            promote="manual",
        ),
        warm_start=WarmStart(points="previous", share=0.5),
        execution={"run_trials_on": "driver", "shared_data": "a:b", "storage_grace": 60.0},
    )
    assert Spec.from_json(flat) == spec
    later = {**spec.to_json(), "limits": {**spec.to_json()["limits"], "of_a_later_version": 1}}
    assert Spec.from_json(later) == spec


def test_the_identity_is_that_of_the_flat_spec() -> None:
    """Applications of a cluster are named by it; a retry finds the application of an earlier version."""
    old = {**REQUIRED, "max_evals": 3, "shared_data": "a:b", "run_trials_on": "driver"}
    assert Spec.from_json(old).identity == "0da0b74d378d64c8"
    written = json.loads(GOLDEN.read_text())
    spec = Spec.from_json(written)
    assert spec.changed_identity(Spec.from_json(spec.to_json())) == ()
    assert spec.limits.max_trial_retries == written["max_trial_retries"]


def test_the_fields_of_a_script() -> None:
    """The operator's replace all that it may set; the script's own limits stay."""
    own = Spec.unbounded(**{**REQUIRED, "limits": {"loss_threshold": 0.5, "budget_slot_hours": 9}})
    spec = own.with_script_fields({"retuning.incumbent": "champion", "segment": "fr", "moment": 5.0})
    assert (spec.retuning.incumbent, spec.segment, spec.moment) == ("champion", "fr", 5.0)
    assert (spec.limits.loss_threshold, spec.limits.budget_slot_hours) == (0.5, None)
    assert not {"objective", "space", "code", "execution.shared_data", "algo"} & set(SCRIPT)


def test_json_is_nested_as_a_person_writes_it() -> None:
    spec = Spec.of(**REQUIRED, limits=Limits(no_progress=5))
    assert set(GROUPS) == {"limits", "retuning", "warm_start", "execution"}
    assert spec.to_json()["limits"]["no_progress"] == spec.value("limits.no_progress") == 5
    assert nested(spec.values()) == spec.to_json()
