"""A driver without Spark, which starts and dies quickly.

python -m tests.integration.chaos_driver ADDRESS SLOTS MAX_EVALS [GRACE_S] [TRIAL_S]
"""

from __future__ import annotations

import sys
import time

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.stopping import StoppingRules
from airflow_sparktune.driver.tuner import Tuner
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.journal.follow import read_whole
from airflow_sparktune.study.stopping import rules_of
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.storage.deadline import DeadlineStorage
from tests.driver.threads import ThreadEngine
from tests.driver.world import SEED, DigestSampler, by_x, spec


def main(address: str, slots: int, max_evals: int, grace_s: float = 0.0, trial_s: float = 0.004) -> None:
    storage = DeadlineStorage(open_storage(address))
    follower = read_whole(storage)
    assert follower.problems == [], follower.problems
    # By chance, many kills may hit the same trial, which would then fail for having killed its driver.
    asked = spec(max_evals=max_evals, limits={"max_trial_retries": 1_000})
    recorder = Recorder.open(
        storage, follower, spec=asked, seed=SEED, dimensions=(), take_over=True, grace_s=grace_s
    )

    def run(call: Call) -> Reply:
        time.sleep(trial_s * (1 + call.trial.number % 3) / 2)
        reply = by_x(call).reply
        assert reply is not None
        return reply

    tuner = Tuner(
        spec=asked,
        seed=SEED,
        recorder=recorder,
        sampler=DigestSampler(),
        lane=ThreadEngine(run, slots=slots).lane(),
        rules=StoppingRules(rules_of(asked), ran_s=recorder.elapsed_s, clock=recorder.clock),
    )
    recorder.close(tuner.run())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *map(float, sys.argv[4:]))
