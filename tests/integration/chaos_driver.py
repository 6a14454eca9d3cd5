"""A driver without Spark, which starts and dies quickly.

python -m tests.integration.chaos_driver ADDRESS SLOTS MAX_EVALS [GRACE_S] [TRIAL_S] [STEPS]
"""

from __future__ import annotations

import sys
import time

from airflow_sparktune.driver.loop.stopping import StoppingRules
from airflow_sparktune.driver.loop.tuner import Tuner
from airflow_sparktune.driver.pruners.base import Curves
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.reports.report import Answer, Report
from airflow_sparktune.study.journal.follow import read_whole
from airflow_sparktune.study.stopping import rules_of
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.storage.deadline import DeadlineStorage
from airflow_sparktune.study.trial import TrialState
from tests.driver.threads import ThreadEngine
from tests.driver.world import SEED, DigestSampler, by_x, spec


class EveryThird:
    """Stops every third trial at its second report."""

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        return number % 3 == 2 and step == 2


def main(
    address: str,
    slots: int,
    max_evals: int,
    grace_s: float = 0.0,
    trial_s: float = 0.004,
    steps: float = 0,
) -> None:
    """Run a study whose trials report so many steps, and are pruned if these are at least two."""
    storage = DeadlineStorage(open_storage(address))
    follower = read_whole(storage)
    assert follower.problems == [], follower.problems
    # By chance, many kills may hit the same trial, which would then fail for having killed its driver.
    asked = spec(max_evals=max_evals, limits={"max_trial_retries": 1_000})
    recorder = Recorder.open(
        storage, follower, spec=asked, seed=SEED, dimensions=(), take_over=True, grace_s=grace_s
    )

    def run(call: Call) -> Reply:
        context = call.trial
        for step in range(1, int(steps) + 1):
            report = Report(context.number, context.attempt, context.tries, step, loss=1 / step)
            if lane.answer(report) is Answer.STOP:
                return Reply(trial_s, TrialState.PRUNED)
        time.sleep(trial_s * (1 + context.number % 3) / 2)
        reply = by_x(call).reply
        assert reply is not None
        return reply

    lane = ThreadEngine(run, slots=slots).lane()
    tuner = Tuner(
        recorder=recorder,
        sampler=DigestSampler(),
        lane=lane,
        rules=StoppingRules(rules_of(asked), ran_s=recorder.elapsed_s, clock=recorder.clock),
        pruner=EveryThird(),
    )
    recorder.close(tuner.run())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *map(float, sys.argv[4:]))
