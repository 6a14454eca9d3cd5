"""SparkTrials keeps the behaviour that scripts for hyperopt's SparkTrials rely on, and adds its own."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hyperopt import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    STATUS_FAIL,
    STATUS_OK,
    Trials,
    fmin,
    hp,
    rand,
    space_eval,
    tpe,
)
from hyperopt.base import Domain
from hyperopt.early_stop import no_progress_loss
from hyperopt.exceptions import AllTrialsFailed, DuplicateLabel
from pyspark import SparkContext, cloudpickle
from pyspark.sql import SparkSession

from airflow_sparktune import SparkTrials, current_trial
from airflow_sparktune.driver.fmin import storage as script_storage
from airflow_sparktune.driver.fmin.sampler import FminSampler, Seeds
from airflow_sparktune.errors import ObjectiveError, PlatformError, SpecError
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import FailureKind, TrialState

SPACE = {"x": hp.uniform("x", -5, 5), "kind": hp.choice("kind", ["flat", "steep"])}
QUIET = {"show_progressbar": False, "verbose": False}


pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("spark")]


class Box:
    """An object that a space may contain, but JSON cannot hold."""

    def __init__(self) -> None:
        self.held: list[int] = []


def seeded(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def bowl(params: dict[str, Any]) -> float:
    return params["x"] ** 2 * (2 if params["kind"] == "steep" else 1)


def picky(x: float) -> float:
    if x < 0:
        raise ValueError(f"{x} is negative")
    return x


def minimise(trials: SparkTrials, fn: Any = bowl, space: Any = SPACE, **given: Any) -> Any:
    settings = {"algo": rand.suggest, "max_evals": 4, "rstate": seeded(), **QUIET, **given}
    return fmin(fn, space, trials=trials, **settings)


def test_a_scripts_objective_reports_and_is_pruned() -> None:
    """It has no parameter for the trial; a pruned trial is done, without a loss."""

    def learns(x: float) -> float:
        for step in range(1, 6):
            current_trial().report(step, x)
        return x

    trials = SparkTrials(parallelism=2, pruner="tests.driver.tuner.test_pruning:AtThree")
    best = minimise(trials, learns, hp.uniform("x", 0, 1), max_evals=4)
    assert trials.losses() == [trials.vals["x"][0], None, trials.vals["x"][2], None]
    assert best["x"] == min(trials.vals["x"][0], trials.vals["x"][2])
    assert [doc["state"] for doc in trials.trials] == [JOB_STATE_DONE] * 4


class TestResults:
    def test_the_best_point_has_hyperopts_form(self) -> None:
        trials = SparkTrials(parallelism=2)
        best = minimise(trials, max_evals=6)
        assert best == trials.argmin
        assert best["kind"] in (0, 1)
        assert list(best) == list(trials.vals) == sorted(best)
        assert space_eval(SPACE, best) == {"x": best["x"], "kind": ("flat", "steep")[best["kind"]]}
        assert bowl(space_eval(SPACE, best)) == min(trials.losses()) == trials.best_trial["result"]["loss"]
        assert trials.tids == list(range(6))
        assert trials.results[0] == {"loss": trials.losses()[0], "status": STATUS_OK}
        assert trials.vals["x"] == [doc["misc"]["vals"]["x"][0] for doc in trials.trials]

    def test_without_argmin_fmin_returns_the_values(self) -> None:
        trials = SparkTrials(parallelism=2)
        best = minimise(trials, return_argmin=False)
        assert best == space_eval(SPACE, trials.argmin)

    def test_one_worker_evaluates_the_points_of_hyperopts_own_loop(self) -> None:
        theirs, ours = Trials(), SparkTrials(parallelism=1)
        for trials in (theirs, ours):
            fmin(bowl, SPACE, tpe.suggest, max_evals=24, trials=trials, rstate=seeded(), **QUIET)
        assert ours.vals["kind"] == theirs.vals["kind"]
        assert ours.vals["x"] == pytest.approx(theirs.vals["x"])

    def test_a_result_is_returned_completely_with_its_attachments(self) -> None:
        def with_model(x: float) -> dict[str, Any]:
            return {
                "loss": np.float64(x),
                "status": STATUS_OK,
                "model": {1, 2},
                "attachments": {"weights": b"\x00\x01", "note": "fine"},
            }

        trials = SparkTrials(parallelism=2)
        minimise(trials, with_model, hp.uniform("x", 0, 1), max_evals=2)
        doc = trials.best_trial
        assert doc["result"]["model"] == {1, 2}
        assert "attachments" not in doc["result"]
        assert trials.trial_attachments(doc)["weights"] == b"\x00\x01"
        assert trials.trial_attachments(doc)["note"] == "fine"

    def test_a_result_that_cannot_be_pickled_keeps_its_loss(self) -> None:
        def with_lock(x: float) -> dict[str, Any]:
            return {"loss": x, "status": STATUS_OK, "lock": threading.Lock(), "note": 1}

        trials = SparkTrials(parallelism=2)
        minimise(trials, with_lock, hp.uniform("x", 0, 1), max_evals=1)
        assert trials.results == [{"loss": trials.losses()[0], "status": STATUS_OK, "note": 1}]

    def test_the_trials_can_be_pickled(self) -> None:
        trials = SparkTrials(parallelism=2)
        minimise(trials, max_evals=1)
        assert pickle.loads(pickle.dumps(trials)).losses() == trials.losses()


class TestSpaces:
    def test_a_space_may_contain_any_object(self, tmp_path: Path) -> None:
        def fill(params: dict[str, Any]) -> float:
            params["box"].held.append(1)
            assert params["box"].held == [1], "the box of another trial"
            return float(params["function"](params["x"]))

        space = {
            "function": hp.choice("function", [np.abs, lambda x: x + 10]),
            "x": hp.quniform("x", 1, 5, 1),
            "box": hp.choice("box", [Box()]),
        }
        trials = SparkTrials(parallelism=2, study=str(tmp_path))
        minimise(trials, fill, space, max_evals=6)
        assert trials.count_successful_trials() == 6
        study = read_study(str(tmp_path)).study
        assert study.best is not None
        # If JSON cannot hold the values, the journal has the point instead.
        assert study.best.params == study.best.point == trials.argmin

    def test_params_are_sent_without_references_to_hyperopt(self) -> None:
        sampler = FminSampler(Domain(None, SPACE), rand.suggest, seeds=Seeds(seeded()))
        travels = cloudpickle.dumps(sampler.space.value({"x": 1.0, "kind": 1}))
        assert pickle.loads(travels) == {"x": 1.0, "kind": "steep"}
        assert b"hyperopt" not in travels

    def test_a_point_that_cannot_be_evaluated_fails_its_trial(self) -> None:
        trials = SparkTrials(parallelism=2)
        lock = threading.Lock()
        minimise(
            trials,
            lambda p: 1.0,
            {"x": hp.uniform("x", 0, 1), "lock": hp.choice("l", [1, lock])},
            max_evals=8,
        )
        assert (
            trials.count_failed_trials() == trials.count_total_trials() - trials.count_successful_trials() > 0
        )

    def test_points_to_evaluate_run_first(self) -> None:
        trials = SparkTrials(parallelism=1, points_to_evaluate=[{"x": 0.0, "kind": 1}, {"x": 1.0, "kind": 0}])
        assert minimise(trials, max_evals=3) == {"x": 0.0, "kind": 1}
        assert trials.vals["x"][:2] == [0.0, 1.0]

    @pytest.mark.parametrize(
        "point",
        [
            {"y": 1.0},
            {"x": 1.0},
            {"x": 1.0, "kind": 2},
            {"x": 9.0, "kind": 0},
            {"x": "1", "kind": 0},
            "x",  # a point instead of a list of points
        ],
    )
    def test_a_point_to_evaluate_outside_the_space_is_rejected(self, point: Any) -> None:
        with pytest.raises(SpecError, match="points_to_evaluate must"):
            minimise(SparkTrials(points_to_evaluate=[point]))


class TestFailures:
    def test_failed_trials_count_and_keep_their_traceback(self, caplog: pytest.LogCaptureFixture) -> None:
        trials = SparkTrials(parallelism=2)
        with caplog.at_level(logging.INFO, logger="hyperopt-spark"):
            minimise(trials, picky, hp.uniform("x", -1, 1), max_evals=8, rstate=seeded(3))
        ok, failed = trials.count_successful_trials(), trials.count_failed_trials()
        assert (ok + failed, trials.count_total_trials()) == (8, 8)
        assert ok > 0 < failed
        assert len(trials.trials) == ok
        assert f"Total Trials: 8: {ok} succeeded, {failed} failed, 0 cancelled" in caplog.text
        errors = [doc["misc"]["error"] for doc in trials._dynamic_trials if doc["state"] == JOB_STATE_ERROR]
        for kind, text in errors:
            assert kind == "<class 'ValueError'>"
            assert text.startswith("Traceback (most recent call last)")
            assert "in picky" in text
            assert "is negative" in text

    def test_an_objective_that_raises_runs_once_per_trial(self, tmp_path: Path) -> None:
        def leave_a_trace(x: float) -> float:
            (tmp_path / str(x)).touch()
            raise RuntimeError("no")

        assert (
            minimise(SparkTrials(parallelism=2), leave_a_trace, hp.uniform("x", 0, 1), return_argmin=False)
            is None
        )
        assert len(list(tmp_path.iterdir())) == 4

    def test_the_error_shows_the_first_failure_if_all_trials_fail(self, tmp_path: Path) -> None:
        trials = SparkTrials(parallelism=2, study=str(tmp_path))
        with pytest.raises(AllTrialsFailed, match=r"There are no evaluation tasks[\s\S]*is negative"):
            minimise(trials, picky, hp.uniform("x", -2, -1), max_evals=7)
        assert trials.count_failed_trials() == 7
        study = read_study(str(tmp_path)).study
        assert study.closed is not None
        assert study.closed.reason is StopReason.ERROR
        assert not study.result_stands

    def test_reported_failures_and_nan_are_done_but_never_the_best(self, tmp_path: Path) -> None:
        def moody(x: float) -> Any:
            if x < 1:
                return {"status": STATUS_FAIL, "why": "too small"}
            return float("nan") if x < 2 else x

        trials = SparkTrials(parallelism=2, study=str(tmp_path))
        best = minimise(trials, moody, hp.uniform("x", 0, 3), max_evals=10, rstate=seeded(3))
        assert best["x"] >= 2
        assert trials.count_successful_trials() == len(trials.trials) == 10
        assert {"status": STATUS_FAIL, "why": "too small"} in trials.results
        assert any(np.isnan(loss) for loss in trials.losses() if loss is not None)
        again = SparkTrials(study=str(tmp_path))
        minimise(again, moody, hp.uniform("x", 0, 3), max_evals=10, rstate=seeded(3))
        # NaN is not equal to itself, but its text is.
        assert [str(sorted(result.items())) for result in again.results] == [
            str(sorted(result.items())) for result in trials.results
        ]

    def test_an_unknown_status_fails_the_trial(self) -> None:
        trials = SparkTrials(parallelism=2)
        with pytest.raises(AllTrialsFailed, match="must have a status"):
            minimise(trials, lambda p: {"loss": 1.0, "status": "great"}, max_evals=1)

    def test_a_dead_worker_is_a_lost_trial(self, tmp_path: Path) -> None:
        def fragile(x: float) -> float:
            if x > 0:
                os._exit(1)
            return x

        start = [{"x": -1.0}, {"x": 1.0}]
        trials = SparkTrials(parallelism=2, study=str(tmp_path), points_to_evaluate=start)
        assert minimise(trials, fragile, hp.uniform("x", -2, 2), max_evals=2) == {"x": -1.0}
        assert trials.count_failed_trials() == 1
        lost = read_study(str(tmp_path)).study.trials[1]
        assert lost.error is not None
        assert (lost.error.kind, lost.tries) == (FailureKind.LOST, 3)

    def test_an_objective_that_no_worker_can_load_has_a_short_error(self) -> None:
        class Unloadable:
            def __reduce__(self) -> Any:
                return __import__, ("no_such_module",)

        broken = Unloadable()
        with pytest.raises(
            ObjectiveError, match="must be loadable where trials run, got ModuleNotFoundError"
        ):
            minimise(SparkTrials(parallelism=2), lambda p: broken)


class TestArguments:
    @pytest.mark.parametrize("timeout", [-1, 0, True, "soon"])
    def test_a_timeout_is_a_positive_number(self, timeout: Any) -> None:
        with pytest.raises(Exception, match=f"None or a positive value. Given value: {timeout}"):
            SparkTrials(timeout=timeout)

    def test_a_loss_threshold_is_a_number(self) -> None:
        with pytest.raises(Exception, match="loss_threshold argument should be None or a numeric value"):
            SparkTrials(loss_threshold="low")  # type: ignore[arg-type]

    @pytest.mark.parametrize("parallelism", [None, -1, 0])
    def test_parallelism_is_the_clusters_unless_given(self, parallelism: int | None) -> None:
        assert SparkTrials(parallelism=parallelism).parallelism == 2

    def test_parallelism_has_no_limit_but_missing_slots_are_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        trials = SparkTrials(parallelism=1000, spark_session=SparkSession.getActiveSession())
        assert trials.parallelism == 1000
        minimise(trials, max_evals=4)
        assert len(trials) == 4
        assert "parallelism 1000 is more than the 2 task slots" in caplog.text

    def test_duplicate_labels_are_rejected_as_by_hyperopt(self) -> None:
        with pytest.raises(DuplicateLabel):
            minimise(SparkTrials(), space=[hp.uniform("x", 0, 1), hp.uniform("x", 0, 2)])

    def test_an_objective_may_evaluate_the_expression_itself(self) -> None:
        from hyperopt import fmin_pass_expr_memo_ctrl, pyll

        @fmin_pass_expr_memo_ctrl
        def low_level(expr: Any, memo: Any, ctrl: Any) -> float:
            return pyll.rec_eval(expr, memo=memo)["x"] ** 2

        trials = SparkTrials(parallelism=2)
        minimise(trials, low_level, max_evals=2)
        assert trials.losses() == pytest.approx([x**2 for x in trials.vals["x"]])

    def test_an_annotated_objective_provides_its_space(self) -> None:
        def annotated(x: hp.uniform("x", 1, 2)) -> float:  # type: ignore[valid-type]
            return float(x)

        annotated.__annotations__ = {"x": hp.uniform("x", 1, 2)}
        assert 1 <= minimise(SparkTrials(parallelism=2), annotated, "annotated", max_evals=2)["x"] <= 2


class TestLimits:
    def test_a_timeout_cancels_running_trials_and_keeps_ended_ones(self) -> None:
        def slow_or_quick(x: float) -> float:
            time.sleep(0 if x < 0 else 60)
            return x

        minimise(SparkTrials(parallelism=2), max_evals=2)  # the first call also starts Python workers
        trials = SparkTrials(parallelism=2, timeout=4)
        start = time.monotonic()
        minimise(trials, slow_or_quick, hp.uniform("x", -0.3, 0.7), max_evals=100)
        assert time.monotonic() - start < 12
        assert trials.count_successful_trials() > 0
        assert trials.count_cancelled_trials() == 2
        assert (trials._fmin_cancelled, trials.fmin_cancelled_reason) == (True, "fmin run timeout")

    def test_the_timeout_of_the_constructor_overrides_that_of_fmin(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        trials = SparkTrials(parallelism=2, timeout=60)
        minimise(trials, max_evals=2, timeout=0.001)
        assert trials.count_successful_trials() == 2
        assert "timeout is given to SparkTrials" in caplog.text

    def test_a_cluster_without_executors_ends_fmin_in_time(self, busy: SparkContext) -> None:
        with pytest.raises(PlatformError, match="no executor has started the first job"):
            minimise(SparkTrials(parallelism=2, timeout=1))

    @pytest.mark.parametrize("place", ["constructor", "fmin"])
    def test_a_loss_threshold_ends_fmin(self, place: str) -> None:
        trials = SparkTrials(parallelism=1, loss_threshold=3.0 if place == "constructor" else None)
        minimise(trials, max_evals=200, **({"loss_threshold": 3.0} if place == "fmin" else {}))
        assert min(trials.losses()) <= 3.0
        assert all(loss > 3.0 for loss in trials.losses()[:-1])
        assert trials.fmin_cancelled_reason is None

    def test_hyperopts_own_early_stop_works_with_a_failed_trial(self) -> None:
        trials = SparkTrials(parallelism=2)
        space = hp.uniform("x", -1, 9)
        minimise(trials, picky, space, max_evals=200, early_stop_fn=no_progress_loss(5))
        assert trials.count_total_trials() < 60
        assert trials.fmin_cancelled_reason == "early stopping condition"

    def test_fmin_without_a_limit_has_none_in_its_journal(self, tmp_path: Path) -> None:
        trials = SparkTrials(parallelism=2, study=str(tmp_path))
        minimise(trials, max_evals=None, early_stop_fn=no_progress_loss(3))
        journals = "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))
        assert '"max_evals":null' in journals.replace(" ", "")
        assert str(sys.maxsize) not in journals

    def test_early_stop_fn_sees_the_ended_trials(self) -> None:
        seen: list[int] = []

        def after_three(trials: Any, *args: Any) -> tuple[bool, list[int]]:
            assert all(trial["result"]["status"] == STATUS_OK for trial in trials)
            assert all(trial["state"] == JOB_STATE_DONE for trial in trials.trials)
            seen.append(args[0] if args else 0)
            return len(trials.trials) >= 3, [len(trials.trials)]

        trials = SparkTrials(parallelism=1)
        minimise(trials, max_evals=50, early_stop_fn=after_three)
        assert trials.count_successful_trials() == 3
        assert seen == [0, 1, 2]

    def test_an_exception_in_early_stop_fn_ends_fmin(self) -> None:
        def broken(trials: Any, *args: Any) -> tuple[bool, list[int]]:
            raise KeyError("loss")

        with pytest.raises(KeyError, match="loss"):
            minimise(SparkTrials(parallelism=2), max_evals=50, early_stop_fn=broken)

    def test_sigterm_at_the_last_trial_ends_the_script_after_the_study(self, tmp_path: Path) -> None:
        def terminated_at_last(trials: Any, *args: Any) -> tuple[bool, list[int]]:
            if len(trials.trials) == 4:
                os.kill(os.getpid(), signal.SIGTERM)
            return False, []

        with pytest.raises(SystemExit, match="143"):
            minimise(SparkTrials(parallelism=1, study=str(tmp_path)), early_stop_fn=terminated_at_last)
        assert read_study(str(tmp_path)).study.result_stands

    def test_an_exhausted_algorithm_ends_fmin_after_the_running_trials(self) -> None:
        def four(ids: list[int], *given: Any) -> Any:
            return rand.suggest(ids, *given) if ids[0] < 4 else []

        trials = SparkTrials(parallelism=2)
        minimise(trials, algo=four, max_evals=50)
        assert (trials.count_successful_trials(), trials.count_total_trials()) == (4, 4)

    def test_the_progress_bar_advances_once_per_trial(self) -> None:
        from contextlib import contextmanager

        class Bar:
            moved = 0
            postfix = ""

            def update(self, by: int) -> None:
                self.moved += by

        bar = Bar()

        @contextmanager
        def shown(initial: int, total: int) -> Iterator[Bar]:
            yield bar

        trials = SparkTrials(parallelism=2)
        minimise(trials, verbose=True, show_progressbar=shown)
        assert (bar.moved, bar.postfix) == (4, f"best loss: {min(trials.losses())}")
        bar.moved = 0
        minimise(trials, verbose=True, show_progressbar=shown)  # a study that has ended
        assert (bar.moved, bar.postfix) == (4, f"best loss: {min(trials.losses())}")


class TestResuming:
    def test_an_ended_study_returns_at_once(self, tmp_path: Path) -> None:
        first, again = SparkTrials(2, study=str(tmp_path)), SparkTrials(2, study=str(tmp_path))
        best = minimise(first)
        assert minimise(again) == best
        assert again.losses() == first.losses()
        assert [doc["misc"]["vals"] for doc in again.trials] == [doc["misc"]["vals"] for doc in first.trials]
        study = read_study(str(tmp_path)).study
        assert len(study.attempts) == 1
        assert study.result_stands
        assert study.best is not None
        assert study.best.params == space_eval(SPACE, best)

    def test_a_larger_budget_continues_the_study(self, tmp_path: Path) -> None:
        minimise(SparkTrials(1, study=tmp_path), max_evals=3)
        trials = SparkTrials(1, study=str(tmp_path))
        minimise(trials, max_evals=6)
        whole = SparkTrials(1)
        minimise(whole, max_evals=6)
        assert trials.losses() == whole.losses()
        assert len(read_study(str(tmp_path)).study.attempts) == 2

    def test_a_second_fmin_continues_the_same_trials(self) -> None:
        trials = SparkTrials(parallelism=2)
        minimise(trials, max_evals=2)
        first = trials.losses()
        minimise(trials, max_evals=5)
        assert trials.losses()[:2] == first
        assert len(trials.trials) == 5
        trials.delete_all()
        minimise(trials, max_evals=3)
        assert len(trials.trials) == 3

    def test_an_interrupted_study_reruns_the_running_trials(self, tmp_path: Path) -> None:
        folder = tmp_path / "study"

        def last_one_waits(x: float) -> float:
            # The first run waits to be interrupted; the second runs to the end.
            if x == 1 and not (tmp_path / "interrupted").exists():
                (tmp_path / "waiting").touch()
                time.sleep(60)
            return x

        def interrupt() -> None:
            while not (tmp_path / "waiting").exists():
                time.sleep(0.05)
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGTERM)

        points = [{"x": -1.0}, {"x": 1.0}]
        threading.Thread(target=interrupt, daemon=True).start()
        trials = SparkTrials(parallelism=2, study=str(folder), points_to_evaluate=points)
        with pytest.raises(SystemExit):
            minimise(trials, last_one_waits, hp.uniform("x", -2, 1), max_evals=5)
        study = read_study(str(folder)).study
        assert study.closed is not None
        assert study.closed.reason is StopReason.KILLED
        assert study.trials[1].state is TrialState.RUNNING
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

        (tmp_path / "interrupted").touch()
        trials = SparkTrials(parallelism=2, study=str(folder), points_to_evaluate=points)
        minimise(trials, last_one_waits, hp.uniform("x", -2, 1), max_evals=5)
        assert len(trials.trials) == 5
        assert trials.vals["x"][:2] == [-1.0, 1.0]
        study = read_study(str(folder)).study
        assert (study.finished, study.trials[1].loss) == (5, 1.0)

    def test_another_objective_or_seed_is_another_study(self, tmp_path: Path) -> None:
        minimise(SparkTrials(2, study=str(tmp_path)), max_evals=2)
        for other in ({"fn": lambda p: 1.0 + p["x"]}, {"rstate": seeded(8)}):
            trials = SparkTrials(2, study=str(tmp_path))
            minimise(trials, max_evals=2, **other)
            assert trials.count_total_trials() == 2
        assert len(read_study(str(tmp_path)).study.attempts) == 1

    def test_an_early_stop_stands_if_early_stop_fn_confirms_it(self, tmp_path: Path) -> None:
        rule = no_progress_loss(2)
        minimise(SparkTrials(1, study=str(tmp_path)), max_evals=50, early_stop_fn=rule)
        trials = SparkTrials(1, study=str(tmp_path))
        minimise(trials, max_evals=50, early_stop_fn=rule)
        assert len(read_study(str(tmp_path)).study.attempts) == 1
        assert trials.fmin_cancelled_reason == "early stopping condition"

    def test_small_attachments_survive_a_resume(self, tmp_path: Path) -> None:
        def attach(x: float) -> dict[str, Any]:
            return {"loss": x, "status": STATUS_OK, "attachments": {"raw": b"\xff", "text": "a"}}

        space = hp.uniform("x", 0, 1)
        minimise(SparkTrials(2, study=str(tmp_path)), attach, space, max_evals=1)
        trials = SparkTrials(2, study=str(tmp_path))
        minimise(trials, attach, space, max_evals=1)
        attachments = trials.trial_attachments(trials.trials[0])
        assert (attachments["raw"], attachments["text"]) == (b"\xff", "a")
        assert trials.results == [{"loss": trials.losses()[0], "status": STATUS_OK}]

    def test_a_result_may_use_any_key(self, tmp_path: Path) -> None:
        def answer(x: float) -> dict[str, Any]:
            return {"loss": x, "status": STATUS_OK, "reported": 1, "left_out": 2}

        for trials in (SparkTrials(2, study=str(tmp_path)), SparkTrials(2, study=str(tmp_path))):
            minimise(trials, answer, hp.uniform("x", 0, 1), max_evals=1)
            assert trials.results == [answer(trials.losses()[0])]

    def test_each_search_of_a_script_resumes_its_own_study(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(script_storage.STUDY_VARIABLE, str(tmp_path))
        results = []
        for _ in ("first run", "second run"):
            monkeypatch.setattr(script_storage, "_taken", Counter())
            found = []
            for seed in (1, 2):
                trials = SparkTrials(2)
                minimise(trials, max_evals=2, rstate=seeded(seed))
                found.append(trials.losses())
            results.append(found)
        assert results[0] == results[1]
        assert results[0][0] != results[0][1]
        assert len(read_study(str(tmp_path)).study.attempts) == 1
        assert len(read_study(str(tmp_path / "fmin-2")).study.attempts) == 1
