"""What every attempt does, be its objective named in a spec or a live function of a script."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pyspark import SparkContext

from airflow_sparktune.driver.backends.preflight import preflight_study
from airflow_sparktune.driver.backends.spark import SparkSlots
from airflow_sparktune.driver.backends.threaded import JobSlots
from airflow_sparktune.driver.progress_log import Report
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.spark.context import cluster_slots
from airflow_sparktune.driver.stopping import Limits
from airflow_sparktune.driver.termination import Termination
from airflow_sparktune.driver.tuner import Tuner
from airflow_sparktune.errors import SparktuneError, describe, told
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.study import StopReason

log = logging.getLogger(__name__)


def look_at_executors(
    slots: SparkSlots, spec: Spec, recorder: Recorder, context: SparkContext, termination: Termination
) -> None:
    """Wait for an executor, and see whether trials can run there; raises what keeps them from it."""
    termination.check()  # what waits for an executor waits long
    preflight_study(slots, spec, recorder)
    _warn_of_room(spec, cluster_slots(context))


def tune(
    spec: Spec,
    recorder: Recorder,
    sampler: Sampler,
    slots: JobSlots,
    *,
    master: str,
    termination: Termination,
    limits: Callable[..., Limits] = Limits,
) -> StopReason:
    """Run the study to its end on slots that are ready, and tell the log of each trial."""
    report = Report(recorder.study)
    report.began(attempt=recorder.attempt, master=master, slots=slots.capacity)
    tuner = Tuner(
        spec=spec,
        seed=recorder.study.seed or 0,
        recorder=recorder,
        sampler=sampler,
        slots=slots,
        on_trial=report.trial,
        limits=limits,
    )
    termination.hand_to(slots.interrupt)
    return tuner.run()


def _warn_of_room(spec: Spec, room: int) -> None:
    if (spec.parallelism or 0) > room:
        log.warning(
            "parallelism %d is more than the %d task slots that the cluster has now: the trials beyond them "
            "wait inside Spark",
            spec.parallelism, room,
        )  # fmt: skip


def close_with(recorder: Recorder, error: BaseException) -> None:
    """Write that the attempt ended with an error: a deliberate one as it is, others with their traceback."""
    whole = None if isinstance(error, SparktuneError) else told(error)
    log.error("%s", whole or error)
    recorder.close(StopReason.ERROR, error=describe(error, traceback=whole))
