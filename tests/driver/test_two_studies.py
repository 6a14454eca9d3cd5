"""Two studies share an engine, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import TrialState
from tests.driver.test_rare_ends import ExitingSampler
from tests.driver.threads import ThreadEngine
from tests.driver.world import MemoryStorage, spec

PATIENCE_S = 30.0


def in_threads(*studies: Callable[[], object]) -> None:
    threads = [threading.Thread(target=study) for study in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


class FailingPlan(SpecPlan):
    def sampler(self) -> Sampler:
        return ExitingSampler()


def test_studies_run_at_the_same_time_and_keep_their_own_trials() -> None:
    both = threading.Barrier(2)

    def run(call: Call) -> Reply:
        if call.trial.number == 0:  # one of each study
            both.wait(PATIENCE_S)
        return Reply(0.0, loss=call.params["x"])

    engine = ThreadEngine(run, slots=3)
    storages = [MemoryStorage(), MemoryStorage()]
    asked = [spec(max_evals=6, algo="random", seed=seed) for seed in (1, 2)]
    in_threads(
        *(
            Attempt(SpecPlan(each, engine), storage, None).run
            for each, storage in zip(asked, storages, strict=True)
        )
    )
    studies = [storage.study() for storage in storages]
    for study in studies:
        assert study.closed is not None
        assert study.closed.reason is StopReason.MAX_EVALS
        assert [trial.loss for trial in study.trials.values()] == [
            trial.params["x"] for trial in study.trials.values()
        ]
    params = [{trial.params["x"] for trial in study.trials.values()} for study in studies]
    assert [len(each) for each in params] == [6, 6]
    assert params[0].isdisjoint(params[1])


def test_a_failing_study_leaves_its_slots_to_the_other() -> None:
    failed = threading.Event()

    def run(call: Call) -> Reply:
        failed.wait(PATIENCE_S)
        return Reply(0.0, loss=call.params["x"])

    engine = ThreadEngine(run, slots=2)
    bad, good = MemoryStorage(), MemoryStorage()

    def fail() -> None:
        with pytest.raises(SystemExit):
            Attempt(FailingPlan(spec(), engine), bad, None).run()
        failed.set()

    in_threads(fail, Attempt(SpecPlan(spec(max_evals=6, algo="random"), engine), good, None).run)
    assert engine.studies == 0
    closed = bad.study().closed
    assert closed is not None
    assert closed.reason is StopReason.ERROR
    assert [trial.state for trial in good.study().trials.values()] == [TrialState.OK] * 6
