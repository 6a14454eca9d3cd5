"""A driver of many segments without Spark, which loses workers, and starts and dies quickly.

python -m tests.integration.chaos_segments ADDRESS SEGMENTS SLOTS
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Sequence
from typing import Any

from airflow_sparktune.driver.engines.threaded import WorkerLost
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.segments.application import Application
from airflow_sparktune.driver.segments.plan import SegmentPlan
from airflow_sparktune.driver.termination import Termination
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.address import folder_of
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.segments import Segments
from tests.driver.threads import ThreadEngine
from tests.driver.world import DigestSampler, spec

MAX_EVALS, REPEATS, TRIAL_S = 12, 3, 0.02


class Plan(SegmentPlan):
    def sampler(self) -> Sampler:
        return DigestSampler()


def segments_at(address: str, count: int, **given: Any) -> Segments:
    """Return segments that are retuned against their champions."""
    common = spec(
        max_evals=MAX_EVALS,
        seed=7,
        champions=root_of(address),
        retuning={"incumbent": "champion", "confirm": {"top": 1, "repeats": REPEATS}},
        # By chance, many kills may hit the same trial, which would then fail for having killed its driver.
        limits={"max_trial_retries": 1_000},
        **given,
    )
    return Segments.of(common, {f"s{index}": {} for index in range(count)})


def root_of(address: str) -> str:
    """Return the folder of the records of champions."""
    return folder_of(folder_of(address))


def put_champions(address: str, names: Sequence[str]) -> None:
    """Let each segment have a poor champion."""
    for name in names:
        Champions(root_of(address), name).add(
            Action.FIRST, cause="last week", at=1.0, params={"x": 0.9}, reason=""
        )


def main(address: str, count: int, slots: int) -> None:
    """Run segments whose trials lose every ninth worker."""
    trials, chance = itertools.count(1), random.Random()

    def run(call: Call) -> Reply:
        time.sleep(chance.uniform(0, 2 * TRIAL_S))
        if next(trials) % 9 == 0:
            raise WorkerLost("the worker was killed")
        return Reply(TRIAL_S, loss=(call.params["x"] - 0.3) ** 2 + chance.uniform(0, 0.01))

    engine = ThreadEngine(run, slots=slots)
    done = Application(segments_at(address, count), address, engine, plan=Plan).run(Termination())
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
