"""Open a study for an attempt: read what earlier ones have left, and claim the next attempt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from airflow_sparktune.driver.plan import Plan
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.files.generations import earlier_generations
from airflow_sparktune.study.journal.follow import read_study, read_whole
from airflow_sparktune.study.record.settled import refuse_another_decision
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)


def open_study(
    plan: Plan,
    storage: Storage,
    address: str | None,
    sampler: Sampler | None,
    *,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Recorder:
    """Claim the next attempt, which continues the study in the journal.

    The journal is read after Spark has started: an older driver may still be running, and the trials that it
    finishes in the meantime need not run again. `sampler` is None if the attempt failed before it had one.
    """
    spec = plan.spec
    follower = read_whole(storage, sleep=sleep)
    for problem in follower.problems:
        log.warning("journal: %s", problem)
    earlier = follower.study
    changed = earlier.spec.changed_identity(spec) if earlier.spec else ()
    if changed and not plan.starts_over:
        log.warning(
            "the folder holds another study (%s changed), so this one starts over; remove arguments that "
            "change on their own (a try number, the time), or retries cannot continue the study",
            ", ".join(changed),
        )
    goes_on = not changed and not plan.starts_over
    if goes_on:
        refuse_another_decision(earlier, spec)
    cleared = None if earlier.attempts else _cleared(spec, address)
    finished = [trial for trial in cleared.ended_trials if trial.counts] if cleared else []
    if finished:
        log.info("taking over %d finished trials of the cleared study", len(finished))
    known = earlier.dimensions if goes_on else ()
    return Recorder.open(
        storage,
        follower,
        spec=spec,
        seed=plan.seed(cleared or (earlier if goes_on else None)),
        # An attempt that fails before it has parsed the space keeps the known dimensions.
        dimensions=tuple(item.to_json() for item in sampler.dimensions) if sampler else known,
        take_over=goes_on,
        adopted=plan.adopts(earlier, finished, goes_on=goes_on),
        grace_s=spec.execution.storage_grace,
        clock=clock,
        wall=wall,
        sleep=sleep,
    )


def _cleared(spec: Spec, address: str | None) -> Study | None:
    """Return the study that was cleared before it had a result, if its identity is the same."""
    study = Study()
    for previous in earlier_generations(address) if address else ():
        study = read_study(previous).study
        if study.spec is not None:  # skip a generation that was cleared before its driver started
            break
    if study.spec is None or study.has_verdict or study.spec.changed_identity(spec):
        return None
    return study
