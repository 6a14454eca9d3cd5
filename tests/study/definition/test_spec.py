from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import (
    ALGORITHMS,
    ARGUMENTS,
    FIELDS,
    IDENTITY,
    RunTrialsOn,
    Spec,
    nested,
    reference,
)
from airflow_sparktune.study.definition.execution import TrialResources
from airflow_sparktune.study.json_values import UNQUOTED
from airflow_sparktune.study.space import randint, uniform

REQUIRED: dict[str, Any] = {"objective": "churn.train:loss", "space": {"x": uniform(0, 1)}}


def spec(**more: Any) -> Spec:
    return Spec.of(**{**REQUIRED, "max_evals": 20, **more})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
COUNTS = st.integers(1, 10**6)
SECONDS = st.floats(1e-3, 1e9) | st.integers(1, 10**9) | st.timedeltas(timedelta(seconds=1), timedelta(999))
SPECS = st.fixed_dictionaries(
    {
        "objective": st.sampled_from(["a:b", "churn.train:loss", "_a1._b:C"]),
        "space": st.sampled_from([{"x": {"uniform": [0, 1]}}, {"n": randint(2, 9), "k": (1, 2)}, "m:SPACE"]),
        "max_evals": COUNTS,
    },
    optional={
        "objective_kwargs": st.dictionaries(st.text(max_size=5), JSON, max_size=3),
        "algo": st.sampled_from(
            [
                "gp",
                "tpe",
                "random",
                "anneal",
                "atpe",
                "hyperopt.tpe:suggest",
                "optuna:GPSampler(n_startup_trials=5)",
            ]
        ),
        "parallelism": st.none() | COUNTS,
        "timeout": st.none() | SECONDS,
        "limits.trial_timeout": st.none() | SECONDS,
        "limits.loss_threshold": st.none() | st.floats(-1e9, 1e9) | st.integers(-9, 9),
        "limits.no_progress": st.none() | COUNTS,
        "limits.min_improvement": st.floats(0, 9),
        "limits.max_failures": st.none() | st.integers(0, 99) | st.floats(0, 1, exclude_max=True),
        "limits.max_trial_retries": st.integers(0, 9),
        "seed": st.none() | st.integers(0, 2**70),
        "execution.run_trials_on": st.sampled_from(["executors", "driver", RunTrialsOn.DRIVER]),
        "execution.shared_data": st.none() | st.just("churn.data:load"),
        "points_to_evaluate": st.lists(st.just({"x": 0.5}) | st.just({"n": 3, "k": [1]}), max_size=2),
        "execution.fresh_workers": st.just(False),
        "execution.trial_resources": st.none(),
        "code": st.none() | st.just("9f2c41d0"),
    },
)


@given(SPECS)
def test_a_spec_goes_to_json_and_back(given_: dict[str, Any]) -> None:
    """from_json(to_json(spec)) equals the spec, also after a round trip through JSON text."""
    made = Spec.unbounded(**nested(given_))
    text = json.dumps(made.to_json(), allow_nan=False)
    assert Spec.from_json(json.loads(text)) == made
    assert Spec.from_json(json.loads(text)).to_json() == json.loads(text)
    assert made.changed_identity(Spec.unbounded(**nested(given_))) == ()


def test_keys_of_a_later_version_are_ignored() -> None:
    """Fields of a later version are ignored."""
    assert Spec.from_json({**spec().to_json(), "of_a_later_version": True}) == spec()


def test_a_spec_is_independent_of_its_arguments() -> None:
    """Later changes of the arguments, or of the returned JSON, do not change the spec."""
    kwargs = {"layers": [64]}
    made = spec(objective_kwargs=kwargs)
    kwargs["layers"].append(32)
    made.to_json()["objective_kwargs"]["layers"].append(32)
    assert made.objective_kwargs == {"layers": [64]}


# --- values as people write them

ACCEPTED = [
    ("max_evals", "20", 20),
    ("max_evals", " 20\n", 20),
    ("max_evals", 20.0, 20),
    ("max_evals", "1e3", 1000),
    ("max_evals", np.int64(5), 5),
    ("max_evals", np.float32(5), 5),
    ("parallelism", "4", 4),
    ("parallelism", None, None),
    ("timeout", timedelta(minutes=30), 1800.0),
    ("timeout", "0.5", 0.5),
    ("timeout", "1e3", 1000.0),
    ("timeout", 90, 90.0),
    ("limits.trial_timeout", np.float64(1.5), 1.5),
    ("limits.loss_threshold", "-1", -1.0),
    ("limits.loss_threshold", 0, 0.0),
    ("limits.min_improvement", "0.01", 0.01),
    ("limits.max_failures", "3", 3),
    ("limits.max_failures", "0.25", 0.25),
    ("limits.max_failures", 0, 0),
    ("limits.max_trial_retries", 0, 0),
    ("limits.no_progress", "10", 10),
    ("seed", 0, 0),
    ("seed", "7", 7),
    ("seed", 2**70, 2**70),
    ("execution.run_trials_on", "driver", RunTrialsOn.DRIVER),
    ("execution.fresh_workers", True, True),
    ("execution.fresh_workers", "False", False),
    ("execution.trial_resources", {"cpus": "4", "gpus": 1.0}, TrialResources(cpus=4, gpus=1)),
    ("execution.trial_resources", {"gpus": "0.25"}, TrialResources(gpus=0.25)),
    ("objective_kwargs", {"layers": (64, np.int64(32))}, {"layers": [64, 32]}),
    ("points_to_evaluate", ({"x": np.float64(0.5)}, {"x": 1}), [{"x": 0.5}, {"x": 1}]),
    ("points_to_evaluate", [], []),
]


@pytest.mark.parametrize(("name", "value", "kept"), ACCEPTED)
def test_values_are_converted(name: str, value: Any, kept: Any) -> None:
    """Text from a template, timedeltas and numpy's numbers become plain values."""
    found = spec(**nested({name: value})).value(name)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    "name", ["timeout", "seed", "algo", "objective_kwargs", "limits", "limits.max_trial_retries"]
)
def test_none_is_unset(name: str) -> None:
    """An argument of None is the same as an unset one."""
    assert spec(**nested({name: None})) == spec()


# --- invalid values and their messages

RETUNING = ("retuning.confirm", "retuning.guardrails", "retuning.incumbent", "warm_start")
REFUSED = [
    ("max_evals", 0, r"must be a whole number of at least 1, got 0; it is the number of trials to finish"),
    ("max_evals", -3, "at least 1, got -3"),
    ("max_evals", 2.5, "a whole number of at least 1, got 2.5"),
    ("max_evals", "many", "got 'many'"),
    ("max_evals", "9" * 5000, r"got '9+\.\.\. \(5002 characters\); it is"),
    ("max_evals", [10**5000], "got a number too large; it is"),
    ("max_evals", "", "got ''"),
    ("max_evals", True, "got True"),
    ("max_evals", np.bool_(True), "got .*True"),
    ("max_evals", float("nan"), "got nan"),
    ("max_evals", float("inf"), "got inf"),
    ("max_evals", 1e400, "got inf"),
    ("max_evals", "1e400", "got '1e400'"),
    ("max_evals", [20], r"got \[20\]"),
    ("parallelism", 0, "at least 1, got 0; leave it unset to use every Spark slot"),
    ("parallelism", "many", "got 'many'; leave it unset to use every Spark slot"),
    ("parallelism", -1, "got -1"),
    ("timeout", 0, r"must be a time above 0 \(a timedelta or seconds\), got 0; leave it unset to have none"),
    ("timeout", -5, "above 0.*got -5"),
    ("timeout", timedelta(seconds=-1), "above 0"),
    ("timeout", timedelta(0), "above 0"),
    ("timeout", "soon", "got 'soon'"),
    ("timeout", float("nan"), "got nan"),
    ("timeout", float("inf"), "got inf"),
    ("timeout", 10**400, "above 0"),
    ("timeout", True, "got True"),
    ("limits.trial_timeout", "0", "limits.trial_timeout must be a time above 0"),
    ("limits.loss_threshold", "low", "must be a finite number, got 'low'; leave it unset"),
    ("limits.loss_threshold", float("nan"), "must be a finite number, got nan"),
    ("limits.loss_threshold", "-inf", "must be a finite number, got '-inf'"),
    ("limits.loss_threshold", -(10**400), "must be a finite number"),
    ("limits.loss_threshold", False, "got False"),
    ("maximize", "loss", "got 'loss'; leave it unset for an objective that returns a loss"),
    ("maximize", "", "must be the name of a score"),
    ("limits.min_improvement", -0.1, "at least 0, got -0.1; it is a difference of losses"),
    ("limits.min_improvement", "nan", "finite number, got 'nan'"),
    ("limits.no_progress", 0, "at least 1, got 0; it is a number of trials"),
    ("limits.max_failures", -1, "count .* or a share .*got -1; leave it unset"),
    ("limits.max_failures", 1.5, "a share of max_evals.*got 1.5"),
    ("limits.max_failures", 1.0, "below 1.0.*got 1.0"),
    ("limits.max_failures", float("nan"), "got nan"),
    ("limits.max_failures", "some", "got 'some'"),
    ("limits.max_trial_retries", -1, "at least 0, got -1; it is how often"),
    ("seed", -1, "at least 0, got -1; leave it unset to draw a random seed"),
    ("seed", 1.5, "got 1.5"),
    ("seed", "today", "got 'today'"),
    ("execution.run_trials_on", "gpu", r"must be 'executors' .* or 'driver' .*got 'gpu'"),
    ("execution.run_trials_on", ["driver"], r"got \['driver'\]"),
    ("execution.fresh_workers", "yes", "must be True or False, got 'yes'"),
    ("execution.fresh_workers", 1, "must be True or False, got 1"),
    ("execution.trial_resources", 4, "must be an object of keys and values, got 4; the keys are cpus, gpus"),
    ("execution.trial_resources", {"gpu": 1}, "known keys only, got 'gpu'; did you mean 'gpus'"),
    ("execution.trial_resources", {"cpus": 0}, r"\.cpus must be a whole number of at least 1, got 0"),
    *(
        (
            "execution.trial_resources",
            {"gpus": value},
            r"\.gpus must be a whole number, or a share of one GPU",
        )
        for value in (-1, 0.7, 1.5, "many", float("nan"), True)
    ),
    (
        "algo",
        "tpee",
        rf"one of {', '.join(ALGORITHMS)}, an Optuna sampler.*or 'module:name'.*got 'tpee'",
    ),
    ("algo", 3, "got 3"),
    ("objective", "churn.train", r"must be 'module:name' \(such as .*got 'churn.train'"),
    ("objective", "train.py:loss:", "must be 'module:name'"),
    ("objective", "a b:c", "must be 'module:name'"),
    ("objective", print, "must be 'module:name'"),
    ("execution.shared_data", "load", "execution.shared_data must be 'module:name'"),
    ("objective_kwargs", [1], r"must be an object of arguments by name, got \[1\]"),
    ("objective_kwargs", {"model": print}, r"objective_kwargs\['model'\] must be plain JSON.*pass a name"),
    ("objective_kwargs", {"model": {1: 2}}, r"objective_kwargs\['model'\] must have text keys"),
    ("objective_kwargs", {"x": [float("inf")]}, r"objective_kwargs\['x'\]\[0\] must be a finite number"),
    ("points_to_evaluate", {"x": 1}, r"must be a list of objects, got {'x': 1}; write \[{'lr': 0.1"),
    ("points_to_evaluate", "x=1", "must be a list of objects, got 'x=1'"),
    (
        "points_to_evaluate",
        [{"x": 1}, 2],
        r"points_to_evaluate\[1\] must be an object of params by name, got 2",
    ),
    ("points_to_evaluate", [{}], r"points_to_evaluate\[0\] must be an object"),
    ("points_to_evaluate", [{"x": print}], r"points_to_evaluate\[0\]\['x'\] must be plain JSON"),
    ("space", {}, "space must have at least one parameter"),
    ("space", "search space", "space must be 'module:name'"),
    (
        "space",
        {"lr": {"loguniform": [0, 1]}},
        r"space\['lr'\]: the lower bound of .* above 0",
    ),
    ("space", {"m": {"choice": [print]}}, r"space\['m'\]\[0\] must be plain JSON"),
    ("code", 3, "code must be text, got 3"),
    *(
        (name, text, f"itself, got its text .*; {re.escape(UNQUOTED)}")
        for name in (*("objective_kwargs", "space", "points_to_evaluate"), *RETUNING)
        for text in ("{'rows': 3}", " [{'x': 1}]")
    ),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_invalid_values_are_rejected(name: str, value: Any, message: str) -> None:
    """Invalid input raises SpecError with the argument, the rule, the value and the way out."""
    with pytest.raises(SpecError, match=message) as raised:
        spec(**nested({name: value}))
    assert str(raised.value).startswith(name)
    assert not raised.value.retryable


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_key(name: str) -> None:
    """If a required key is missing, the error says what to add."""
    given_ = {key: value for key, value in REQUIRED.items() if key != name} | {"max_evals": 20}
    for left_out in (given_, {**given_, name: None}):
        with pytest.raises(SpecError, match=rf"a spec must have {name}, got none; add {name}: "):
            Spec.of(**left_out)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("max_eval", "did you mean 'max_evals'"),
        ("objectiv_kwargs", "did you mean 'objective_kwargs'"),
        ("x", "the keys are objective, space, max_evals"),
    ],
)
def test_an_unknown_key(key: str, hint: str) -> None:
    """The error names the unknown key and the most similar one, or all keys."""
    with pytest.raises(SpecError, match=f"known keys only, got .{key}.; {hint}"):
        spec(**{key: 1})


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"x": 2}, r"points_to_evaluate\[1\]\['x'\] must be a number from 0 to 1, got 2"),
        ({"x": "0.5"}, r"from 0 to 1, got '0.5'; .* set render_template_as_native_obj=True"),
        ({"x": 0.5, "y": 1}, r"points_to_evaluate\[1\] must be an object with the keys 'x'"),
    ],
)
def test_points_must_be_points_of_the_space(point: dict[str, Any], message: str) -> None:
    """They are checked where a person writes them; the space of a reference only the driver knows."""
    given = {"points_to_evaluate": [{"x": 0.5}, point]}
    with pytest.raises(SpecError, match=message):
        spec(**given)
    written = spec(space="m:SPACE", **given)
    assert Spec.from_json({**spec().to_json(), **given}).points_to_evaluate == written.points_to_evaluate


@pytest.mark.parametrize(
    "bound", [{"timeout": 60}, {"limits": {"loss_threshold": 0}}, {"limits": {"no_progress": 9}}], ids=str
)
def test_any_limit_replaces_max_evals(bound: dict[str, Any]) -> None:
    """max_evals may be unset if another field ends the study."""
    assert Spec.of(**REQUIRED, **bound).max_evals is None


def test_a_study_without_a_limit_is_rejected() -> None:
    """The error names every field that can end a study."""
    bounds = "max_evals, timeout, limits.loss_threshold, limits.no_progress, limits.budget_slot_hours"
    rule = f"must have one of {bounds}, got none.*add max_evals: 50"
    with pytest.raises(SpecError, match=rule):
        Spec.of(**REQUIRED, limits={"max_failures": 3, "trial_timeout": 9})


def test_a_script_may_have_no_limit() -> None:
    """Its spec may have no limit, and survives a JSON round trip."""
    unlimited = Spec.unbounded(**REQUIRED)
    assert unlimited.to_json()["max_evals"] is None
    assert Spec.from_json(unlimited.to_json()) == unlimited


def test_a_share_of_failures_needs_max_evals() -> None:
    """max_failures as a share needs max_evals."""
    with pytest.raises(
        SpecError, match=r"limits.max_failures must be a count where max_evals is unset.*share 0.25"
    ):
        Spec.of(**REQUIRED, timeout=60, limits={"max_failures": 0.25})


def test_every_field_is_documented() -> None:
    """The reference page and the help of the operator and the shell consist of these texts."""
    for item in FIELDS:
        assert item.doc.endswith("."), item.name
        assert item.takes, item.name
    assert [item.name for item in FIELDS if item.required] == list(REQUIRED)
    assert [item.name for item in FIELDS if item not in ARGUMENTS] == ["champions", "moment", "code"]


def test_examples_are_accepted() -> None:
    """The example and the default of each field pass its check."""
    for item in FIELDS:
        if item.example:
            value = json.loads(item.example) if item.takes.endswith(("object", "objects")) else item.example
            item.check(item.name, value)
        if not item.required and item.default is not None:
            assert item.check(item.name, item.default) == item.default


def test_fresh_workers_require_trials_on_executors() -> None:
    """Two settings that contradict each other are rejected."""
    with pytest.raises(SpecError, match="fresh_workers must be left unset with run_trials_on='driver'"):
        spec(execution={"fresh_workers": True, "run_trials_on": "driver"})


def test_trial_resources_go_to_json_and_back() -> None:
    made = spec(execution={"trial_resources": {"cpus": 4, "gpus": 0.5}})
    assert Spec.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_trial_resources_require_trials_on_executors() -> None:
    """They are those of a Spark task; a trial on the driver is none."""
    rule = r"trial_resources must be left unset with run_trials_on='driver', got {'cpus': 4.*}; set"
    with pytest.raises(SpecError, match=rule):
        spec(execution={"trial_resources": {"cpus": 4}, "run_trials_on": "driver"})


def test_reference_returns_a_valid_reference() -> None:
    """`reference` returns a valid module:name unchanged."""
    assert reference("space", "m.n:SPACE") == "m.n:SPACE"


# --- the identity of a study

CHANGES: dict[str, Any] = {
    "objective": "churn.train:auc",
    "code": "51b07be3",
    "objective_kwargs": {"data": "2026-01-02"},
    "space": {"x": uniform(0, 2)},
    "algo": "random",
    "maximize": "accuracy",
    "execution.run_trials_on": "driver",
    "execution.shared_data": "churn.data:load",
}

# Of objective_kwargs, the changed argument is named.
NAMED = {"objective_kwargs": "objective_kwargs['data']"}


@pytest.mark.parametrize("name", CHANGES)
def test_the_fields_of_the_identity(name: str) -> None:
    """The objective, its arguments and its code are the identity; the changed parts are named."""
    assert spec().changed_identity(spec(**nested({name: CHANGES[name]}))) == (NAMED.get(name, name),)
    assert set(CHANGES) | {"seed"} == set(IDENTITY)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_evals": 99},
        {"parallelism": 8},
        {"timeout": 60},
        {"limits": {"trial_timeout": 9}},
        {"limits": {"loss_threshold": 0.1, "no_progress": 5, "min_improvement": 0.1}},
        {"limits": {"max_failures": 3, "max_trial_retries": 0}},
        {"execution": {"fresh_workers": True, "log_level": "spark", "open_spark_ui": True}},
        {"execution": {"trial_resources": {"cpus": 4, "gpus": 1}}},
        {"points_to_evaluate": [{"x": 0.5}]},
    ],
    ids=str,
)
def test_limits_may_change_between_attempts(limits: dict[str, Any]) -> None:
    """Limits and parallelism are not part of the identity."""
    assert spec().changed_identity(spec(**limits)) == ()


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [(None, None, ()), (None, 7, ()), (7, None, ()), (7, 7, ()), (7, 8, ("seed",))],
)
def test_seeds_differ_only_if_both_are_given(
    before: int | None, after: int | None, changed: tuple[str, ...]
) -> None:
    """A drawn seed is not part of the identity."""
    assert spec(seed=before).changed_identity(spec(seed=after)) == changed


def test_equal_spaces_have_the_same_identity() -> None:
    """Builders, JSON and another order of the keys give the same identity."""
    one = spec(space={"x": uniform(0, 1), "n": randint(2, 9)})
    other = spec(space={"n": {"randint": [2, 9]}, "x": {"uniform": (0, 1.0)}})
    assert one.changed_identity(other) == ()


@pytest.mark.parametrize(
    "asked", [{"objective_kwargs": {"k": True}}, {"space": {"x": {"choice": [False, True]}}}]
)
def test_a_number_differs_from_a_boolean(asked: dict[str, object]) -> None:
    """1 equals True in Python, but they are different arguments."""
    one = spec(objective_kwargs={"k": 1}, space={"x": {"choice": [0, 1]}})
    other = spec(**{"objective_kwargs": {"k": 1}, "space": {"x": {"choice": [0, 1]}}, **asked})
    assert one.changed_identity(other)
    assert one.identity != other.identity
