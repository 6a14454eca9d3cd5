"""A driver without Spark, quick to start and to kill: python chaos_driver.py FOLDER SLOTS MAX_EVALS."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from airflow_sparktune.driver.backends.base import Patience
from airflow_sparktune.driver.backends.threaded import ThreadedBackend
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.stopping import StoppingRules
from airflow_sparktune.driver.tuner import Tuner
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import rules_of
from airflow_sparktune.study.storage import LocalStorage
from tests.driver.world import SEED, DigestSampler, by_x, spec


class ThreadBackend(ThreadedBackend):
    """Trials of some milliseconds."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity

    @property
    def capacity(self) -> int:
        return self._capacity

    def describe(self) -> dict[str, str | None]:
        return {}

    def prepare(self, patience: Patience) -> None:
        pass

    def _run(self, call: Call) -> Reply:
        time.sleep(0.002 * (1 + call.trial.number % 3))
        reply = by_x(call).reply
        assert reply is not None
        return reply

    def _cancel(self, number: int) -> None:
        pass


def main(folder: str, slots: int, max_evals: int) -> None:
    storage = LocalStorage(folder)
    follower = StudyFollower(storage)
    follower.refresh()
    assert follower.problems == [], follower.problems
    asked = spec(max_evals=max_evals)
    recorder = Recorder.open(storage, follower, spec=asked, seed=SEED, dimensions=(), take_over=True)
    tuner = Tuner(
        spec=asked,
        seed=SEED,
        recorder=recorder,
        sampler=DigestSampler(),
        backend=ThreadBackend(slots),
        rules=StoppingRules(rules_of(asked), ran_s=recorder.elapsed_s, clock=recorder.clock),
    )
    recorder.close(tuner.run())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
