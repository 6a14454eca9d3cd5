from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hyperopt import atpe, hp, pyll
from hyperopt.base import Domain

from airflow_sparktune import space as ours
from airflow_sparktune.driver.fmin.sampler import FminSampler, Seeds
from airflow_sparktune.driver.loop.supply import trial_seed
from airflow_sparktune.driver.samplers import hyperopt as hyperopt_adapter
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.samplers.hyperopt_space import hyperopt_space, read_dimensions
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.errors import ObjectiveError, SpecError
from airflow_sparktune.study.definition import ALGORITHMS
from airflow_sparktune.study.json_values import plain
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

THEIRS = "tests.driver.user_spaces"
EVERYTHING = {
    "uniform": ours.uniform(-1, 1),
    "loguniform": ours.loguniform(1e-4, 1.0),
    "quniform": ours.quniform(0, 10, 2),
    "qloguniform": ours.qloguniform(2, 64, 2),
    "normal": ours.normal(0, 2),
    "lognormal": ours.lognormal(0, 1),
    "qnormal": ours.qnormal(0, 5, 2),
    "qlognormal": ours.qlognormal(0, 2, 1),
    "randint": ours.randint(2, 12),
    "uniformint": ours.uniformint(1, 5),
    "choice": ours.choice(["a", {"C": ours.uniform(0, 1)}, [1, None]]),
    "pchoice": ours.pchoice([(0.0, "never"), (0.25, True), (0.75, "often")]),
}
INSIDE = {
    "uniform": lambda value: -1 <= value <= 1,
    "loguniform": lambda value: 1e-4 * (1 - 1e-12) <= value <= 1.0,
    "quniform": lambda value: value in range(0, 11, 2),
    "qloguniform": lambda value: value in range(2, 65, 2),
    "normal": lambda value: isinstance(value, float),
    "lognormal": lambda value: value > 0,
    "qnormal": lambda value: value % 2 == 0,
    "qlognormal": lambda value: value >= 0 and value % 1 == 0,
    "randint": lambda value: type(value) is int and 2 <= value < 12,
    "uniformint": lambda value: type(value) is int and 1 <= value <= 5,
    "choice": lambda value: value in ("a", [1, None]) or 0 <= value["C"] <= 1,
    "pchoice": lambda value: value is True or value == "often",
}
EACH_ALGORITHM = [
    *ALGORITHMS,
    "hyperopt.tpe:suggest",
    "hyperopt.rand:suggest",
    "optuna:TPESampler",
]


def sample(space: Any, times: int = 100) -> Iterator[Any]:
    sampler, searched = sampler_of(space, "random"), SearchSpace.of(space)
    for number in range(times):
        point = sampler.ask(number, seed=trial_seed(7, number))
        assert plain(point.params, what="params") == point.params
        assert json.loads(json.dumps([point.point, point.params])) == [point.point, point.params]
        assert searched.params(json.loads(json.dumps(point.point))) == point.params
        yield point.params


class TestValues:
    @pytest.mark.parametrize("space", [EVERYTHING, f"{THEIRS}:EVERYTHING"])
    def test_every_distribution_gives_plain_values_inside_its_bounds(self, space: Any) -> None:
        for params in sample(space):
            assert set(params) == set(EVERYTHING)
            for name, value in params.items():
                assert INSIDE[name](value), (name, value)

    @pytest.mark.parametrize("name", sorted(EVERYTHING))
    def test_our_space_draws_the_same_numbers_as_hyperopts(self, name: str) -> None:
        theirs = [params[name] for params in sample(f"{THEIRS}:EVERYTHING", 20)]
        drawn = [params[name] for params in sample(EVERYTHING, 20)]
        if isinstance(drawn[0], float):
            assert drawn == pytest.approx(theirs)
        else:
            assert drawn == theirs

    def test_each_weight_applies_to_its_option(self) -> None:
        space = {"x": ours.pchoice([(0.9, "often"), (0.1, "seldom"), (0.0, "never")])}
        drawn = [params["x"] for params in sample(space, 200)]
        assert drawn.count("often") > 5 * drawn.count("seldom") > 0
        assert "never" not in drawn

    def test_a_point_excludes_inactive_parameters(self) -> None:
        sampler = sampler_of(
            {
                "m": ours.choice(
                    [{"a": ours.choice([{"b": ours.uniform(0, 1)}, 0])}, {"c": ours.randint(0, 3)}]
                )
            },
            "tpe",
        )
        shapes = {tuple(sorted(sampler.ask(number, seed=number).point)) for number in range(60)}
        assert shapes == {("m", "m[0].a", "m[0].a[0].b"), ("m", "m[0].a"), ("m", "m[1].c")}

    def test_a_node_in_two_places_has_one_value(self) -> None:
        for params in sample(f"{THEIRS}:SHARED"):
            assert params["model"] == "none" or params["model"]["rate"] == params["first"]

    def test_numpy_and_tuples_become_json(self) -> None:
        found = list(sample(f"{THEIRS}:NUMPY"))
        assert {json.dumps(params["k"]) for params in found} == {"3", "0.5", '"text"'}
        assert {json.dumps(params["pair"]) for params in found} == {"[64, 32]", "[16]"}

    def test_arithmetic_of_hyperopt_is_evaluated(self) -> None:
        assert all(1 <= params["x"] <= 101 for params in sample(f"{THEIRS}:ARITHMETIC", 20))

    def test_a_module_may_contain_a_space_of_ours(self) -> None:
        assert all(0.001 <= params["lr"] <= 1 for params in sample(f"{THEIRS}:BUILT", 5))


class TestDimensions:
    def test_equal_spaces_have_equal_tables(self) -> None:
        _, mine = hyperopt_space(EVERYTHING)
        _, theirs = hyperopt_space(f"{THEIRS}:EVERYTHING")
        named = {item.label: item.to_json() for item in theirs}
        for item in mine:
            row = named[item.label]
            if item.label == "choice":  # hyperopt has no text for an option with parameters
                assert row.pop("options") == ("a", "1: choice[1].C", "[1, null]")
                assert row == {"label": "choice", "kind": "choice"}
            else:
                assert row == item.to_json()

    def test_a_node_in_two_places_is_one_row_without_a_parent(self) -> None:
        _, found = hyperopt_space(f"{THEIRS}:SHARED")
        rows = {item.label: (item.parent, item.branch) for item in found}
        assert rows == {"rate": (None, None), "model": (None, None), "depth": ("model", 0)}

    def test_a_dimension_has_every_way_to_it(self) -> None:
        _, found = hyperopt_space(f"{THEIRS}:WAYS")
        rows = {item.label: item for item in found}
        first, second = (("first", 0), ("inner", 0)), (("second", 0), ("inner", 0))
        assert rows["deep"].conditions == (second, first)
        assert (rows["deep"].parent, rows["deep"].branch, rows["inner"].parent) == ("inner", 0, None)
        assert [rows["deep"].active({"first": at, "second": 1, "inner": 0}) for at in (0, 1)] == [True, False]
        assert rows["rate"].active({})

    @pytest.mark.parametrize("space", [EVERYTHING, f"{THEIRS}:EVERYTHING"])
    def test_samplers_get_exact_extents_and_weights(self, space: Any) -> None:
        rows = {item.label: item for item in hyperopt_space(space)[1]}
        assert rows["loguniform"].extent == (math.log(1e-4), 0.0)
        assert rows["qlognormal"].extent == (0, 2)
        assert rows["randint"].extent == (2, 11)
        assert (rows["pchoice"].weights, rows["choice"].weights) == ((0.0, 0.25, 0.75), None)

    @pytest.mark.parametrize("name", ["EVERYTHING", "SHARED", "NUMPY", "ARITHMETIC", "BUILT"])
    def test_the_table_is_json(self, name: str) -> None:
        _, found = hyperopt_space(f"{THEIRS}:{name}")
        json.dumps([item.to_json() for item in found], allow_nan=False)


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("TWICE", "its own label, got 'x' twice"),
            ("NOTHING", "at least one parameter to tune"),
            ("NO_SPACE", "at least one parameter to tune, got 5"),
            ("OBJECTS", "the options of 'model' must be plain JSON, got Model; use names"),
            ("NESTED_OBJECTS", "the options of 'kind' must be plain JSON, got Model; use names"),
            ("CLASSES", "the options of 'model' must be plain JSON, got type; use names"),
            ("CONSTANT_OBJECT", "the constants of a space must be plain JSON, got Model; use names"),
            ("INFINITE", "the options of 'bound' must be plain JSON, got float"),
        ],
    )
    def test_an_invalid_space_is_rejected(self, name: str, message: str) -> None:
        with pytest.raises(SpecError, match=message):
            sampler_of(f"{THEIRS}:{name}", "tpe")

    def test_a_missing_space(self) -> None:
        with pytest.raises(ObjectiveError, match="has no 'SPAEC'"):
            sampler_of(f"{THEIRS}:SPAEC", "tpe")

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("EVERYTHING", "must name a class .* or a function .*, got dict; derive the class"),
            ("NoSampler", "got class NoSampler; derive the class from SpaceSampler"),
        ],
    )
    def test_an_algorithm_must_be_a_sampler_or_a_function(self, name: str, message: str) -> None:
        with pytest.raises(ObjectiveError, match=message):
            sampler_of(EVERYTHING, f"{THEIRS}:{name}")


def test_log_bounds_without_logs_are_read_as_hyperopt_reads_them() -> None:
    space = [hp.loguniform("few", 10, 20), hp.loguniform("many", 10, 1000)]
    few, many = read_dimensions(pyll.as_apply(space))
    assert (few.low, few.high) == pytest.approx((math.exp(10), math.exp(20)))
    assert (many.low, many.high) == (few.low, None)


def test_atpe_may_start_without_a_known_loss() -> None:
    space = hp.uniform("x", 0, 1)
    sampler = FminSampler(Domain(None, space), atpe.suggest, seeds=Seeds(np.random.default_rng(7)))
    sampler.tell(Trial(number=0, params=0.5, point={"x": 0.5}))
    assert 0 <= sampler.ask(1, seed=0).params <= 1


def test_studies_do_not_draw_from_each_others_global_random_state() -> None:
    """atpe draws from the state of the process, which several studies may seed at the same time."""
    entered, drawn = threading.Event(), threading.Event()

    def other_study() -> None:
        with hyperopt_adapter._global_seed(2):
            entered.set()
            drawn.wait(10.0)

    with hyperopt_adapter._global_seed(1):
        alone = random.random()
    other = threading.Thread(target=other_study)
    with hyperopt_adapter._global_seed(1):
        other.start()
        entered.wait(0.1)
        found = random.random()
        drawn.set()
    other.join()
    assert found == alone


def tell_some(sampler: Sampler, space: Any, numbers: range) -> list[Trial]:
    """Pass the sampler random trials that succeed, fail or still run; suggestions of atpe would be slow.

    Returns their last states, those that ended first.
    """
    ended, running = [], []
    rng, drawn = random.Random(3), sampler_of(space, "random")
    for number in numbers:
        point = drawn.ask(number, seed=trial_seed(1, number))
        trial = Trial(number=number, params=point.params, point=point.point, start=1_000.0 + number)
        sampler.tell(trial)
        if number % 5 == 3:
            error = Failure(FailureKind.RAISED, "ValueError: no")
            ended.append(trial.ended(TrialState.FAILED, end=1_001.0 + number, error=error))
            sampler.tell(ended[-1])
        elif number % 7 != 6:
            ended.append(trial.ended(TrialState.OK, end=1_001.0 + number, loss=rng.random()))
            sampler.tell(ended[-1])
        else:
            running.append(trial)
    return ended + running


class TestAlgorithms:
    SPACE: Mapping[str, Any] = {
        "lr": ours.loguniform(1e-4, 1.0),
        "depth": ours.uniformint(1, 8),
        "q": ours.quniform(0, 10, 0.5),
        "kind": ours.choice(["a", {"C": ours.uniform(0, 1)}]),
        "seed": ours.randint(0, 5),
    }

    @pytest.mark.parametrize("algo", EACH_ALGORITHM)
    def test_suggests_with_failures_and_running_trials_in_the_history(self, algo: str) -> None:
        sampler = sampler_of(self.SPACE, algo)
        tell_some(sampler, self.SPACE, range(30))
        params = sampler.ask(30, seed=9).params
        assert 1e-4 <= params["lr"] <= 1
        assert type(params["depth"]) is int

    @pytest.mark.parametrize("algo", EACH_ALGORITHM)
    def test_suggests_before_any_trial_has_succeeded(self, algo: str) -> None:
        sampler = sampler_of(self.SPACE, algo)
        error = Failure(FailureKind.RAISED, "ValueError: no")
        for number in range(25):
            point = sampler.ask(number, seed=number)
            trial = Trial(number=number, params=point.params, point=point.point)
            sampler.tell(trial.ended(TrialState.FAILED, end=1.0, error=error))

    @pytest.mark.parametrize("algo", EACH_ALGORITHM)
    def test_the_same_history_and_seed_give_the_same_point(self, algo: str) -> None:
        one, other = sampler_of(self.SPACE, algo), sampler_of(self.SPACE, algo)
        for trial in tell_some(one, self.SPACE, range(25)):
            other.tell(trial)  # after a resume, the sampler gets each trial once, in its final state
        random.seed(4)  # suggestions do not depend on global random states
        first = one.ask(25, seed=11)
        random.seed(5)
        assert other.ask(25, seed=11) == first
        assert one.ask(25, seed=11) == first

    def test_tpe_learns(self) -> None:
        sampler = sampler_of({"x": ours.uniform(0, 1)}, "tpe")
        drawn = []
        for number in range(40):
            point = sampler.ask(number, seed=trial_seed(3, number))
            drawn.append(point.params["x"])
            trial = Trial(number=number, params=point.params, point=point.point)
            sampler.tell(trial.ended(TrialState.OK, end=1.0, loss=abs(drawn[-1] - 0.3)))
        # One in five random points would be this close.
        assert sum(abs(x - 0.3) < 0.1 for x in drawn[15:]) >= 12


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TrialState.RUNNING, "new"),
        (TrialState.OK, "ok"),
        (TrialState.FAILED, "fail"),
        (TrialState.PRUNED, "suspended"),
    ],
)
def test_a_document_says_how_its_trial_ended(state: TrialState, status: str) -> None:
    """A pruned trial is no failure, and comes back as pruned where fmin asks `gp.suggest`."""
    loss = 0.5 if state is TrialState.OK else None
    trial = Trial(number=0, params=None, point={"x": 0.5}, state=state, loss=loss)
    doc = hyperopt_adapter.document(trial, ["x"])
    assert doc["result"] == {"status": status, "loss": loss}
    again = hyperopt_adapter._trial(doc)
    assert (again.state, again.loss) == (state, loss)
