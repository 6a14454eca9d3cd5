"""One attempt over a study: go on where its journal ends, or start; and write how it ended."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pickle import PicklingError
from typing import Any, assert_never

from pyspark import SparkContext

from airflow_sparktune.driver.backends.on_driver import DriverSlots
from airflow_sparktune.driver.backends.spark import SparkSlots
from airflow_sparktune.driver.progress_log import tell_end
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.spark.session import start_session
from airflow_sparktune.driver.termination import KILLED, Killed, Termination, terminable
from airflow_sparktune.driver.tuning import close_with, look_at_executors, tune
from airflow_sparktune.errors import ObjectiveError, Superseded
from airflow_sparktune.executor.evaluate import EXTRAS, Task
from airflow_sparktune.executor.objective import load, load_objective
from airflow_sparktune.study.address import previous_generation
from airflow_sparktune.study.follow import StudyFollower, read_study
from airflow_sparktune.study.spec import RunTrialsOn, Spec
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.study import StopReason, Study

log = logging.getLogger(__name__)

DONE, FAILED = 0, 1


def run_attempt(storage: Storage, address: str, spec: Spec) -> int:
    """Run the study at `address` to its end; returns the program's exit code."""
    with terminable() as termination:
        try:
            return _run(storage, address, spec, termination)
        except Killed:  # before there was a journal to write it in
            return KILLED


def _run(storage: Storage, address: str, spec: Spec, termination: Termination) -> int:
    open_recorder = partial(_open, storage, address, spec)
    try:
        context = start_session(
            f"sparktune {spec.objective}",
            trials_on_executors=spec.run_trials_on is RunTrialsOn.EXECUTORS,
            fresh_workers=spec.fresh_workers,
        ).sparkContext
        # Here and not above: hyperopt is imported while Spark starts (see main).
        from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler

        sampler = HyperoptSampler(spec.space, spec.algo)
    except Exception as error:  # noqa: BLE001 - whatever it is, the study ends with it and says so
        termination.check()
        return _fail(open_recorder(dimensions=()), error)
    recorder = open_recorder(dimensions=tuple(item.to_json() for item in sampler.dimensions))
    try:
        recorder.spark(
            application=context.applicationId,
            master=context.master,
            ui=context.uiWebUrl,
            history=context.getConf().get("spark.yarn.historyServer.address"),
        )
        _tune(spec, recorder, sampler, context, termination)
    except Superseded as error:
        log.error("%s", error)
        return FAILED
    except (Killed, Exception) as error:  # noqa: BLE001 - as above
        if termination.asked:  # code on its way may have made something else of Killed
            log.warning("killed; the next attempt goes on where this one stopped")
            recorder.close(StopReason.KILLED)
            return KILLED
        return _fail(recorder, error)
    return DONE


def _open(
    storage: Storage, address: str, spec: Spec, *, dimensions: tuple[Mapping[str, Any], ...]
) -> Recorder:
    """Claim the next attempt, which goes on from what the journal holds of this study.

    The journal is read here and not before Spark starts: an older driver may still be at work, and what it
    finishes meanwhile need not be done again.
    """
    follower = StudyFollower(storage)
    follower.refresh()
    for problem in follower.problems:
        log.warning("journal: %s", problem)
    changed = follower.study.spec.changed_identity(spec) if follower.study.spec else ()
    if changed:
        log.warning(
            "another study than the one begun here (%s changed): starting anew; an argument that changes by "
            "itself (a try number, the time) keeps retries from going on",
            ", ".join(changed),
        )
    cut_off = None if follower.study.attempts else _cut_off(address, spec)
    adopted = [trial for trial in cut_off.ended if trial.counts] if cut_off else []
    if adopted:
        log.info("taking over %d finished trials of the study that was cleared", len(adopted))
    return Recorder.open(
        storage,
        follower,
        spec=spec,
        seed=_seed(spec, cut_off or (None if changed else follower.study)),
        # An attempt that fails before it has read the space says nothing against the table that is known.
        dimensions=dimensions or (() if changed else follower.study.dimensions),
        take_over=not changed,
        adopted=adopted,
    )


def _tune(
    spec: Spec, recorder: Recorder, sampler: Sampler, context: SparkContext, termination: Termination
) -> None:
    with recorder.watch.on("prepare"):
        slots = _slots(spec, context)
    with closing(slots):
        match slots:
            case SparkSlots():
                look_at_executors(slots, spec, recorder, context, termination)
            case DriverSlots():
                load_objective(spec.objective, kwargs=spec.objective_kwargs, extras=EXTRAS)
            case never:
                assert_never(never)
        reason = tune(spec, recorder, sampler, slots, master=context.master, termination=termination)
        _require_best(recorder.study, reason)
        recorder.close(reason)
        tell_end(recorder.study)


def _slots(spec: Spec, context: SparkContext) -> SparkSlots | DriverSlots:
    shared = _shared_data(spec.shared_data) if spec.shared_data else None
    task = Task(spec.objective, spec.objective_kwargs, shared)
    match spec.run_trials_on:
        case RunTrialsOn.EXECUTORS:
            try:
                return SparkSlots(context, task, parallelism=spec.parallelism)
            except PicklingError as error:
                raise ObjectiveError(
                    f"shared_data {spec.shared_data!r} must return what can be pickled, for it travels to "
                    f"executors, but: {error}; return plain data, and open files in the objective"
                ) from error
        case RunTrialsOn.DRIVER:
            return DriverSlots(context, task, parallelism=spec.parallelism)
        case never:
            assert_never(never)


def _shared_data(name: str) -> Any:
    make = load(name)
    if not callable(make):
        raise ObjectiveError(
            f"shared_data {name!r} must be a function that returns the data, got {type(make).__name__}"
        )
    try:
        return make()
    except SystemExit as error:  # it would end the driver without a word
        raise ObjectiveError(f"shared_data {name!r} must return the data, but it exited: {error}") from error


def _require_best(study: Study, reason: StopReason) -> None:
    if study.best is None:
        limit = "raise that limit, or make a trial cheaper"
        way_out = "have algo suggest something" if reason is StopReason.EARLY_STOP else limit
        raise ObjectiveError(
            f"at least one trial must succeed, but none of {len(study.trials)} did before the study ended "
            f"({reason.value}); {way_out}"
        )


def _cut_off(address: str, spec: Spec) -> Study | None:
    """The study that was cleared before it had a verdict, if it is the same as this one."""
    previous = previous_generation(address)
    study = Study()
    # One that was cleared before its driver had begun has nothing to say.
    while previous is not None and study.spec is None:
        study = read_study(previous).study
        previous = previous_generation(previous)
    if study.spec is None or not _undecided(study) or study.spec.changed_identity(spec):
        return None
    return study


def _undecided(study: Study) -> bool:
    """Whether a study ended without a verdict: its driver was killed, or lost what it ran on."""
    closed = study.closed
    if closed is None or closed.reason is StopReason.KILLED:
        return True
    return closed.error is not None and closed.error.get("retryable") is True


def _seed(spec: Spec, earlier: Study | None) -> int:
    """The spec's seed, the one drawn by an earlier attempt, or a new one."""
    if spec.seed is not None:
        return spec.seed
    if earlier is not None and earlier.seed is not None:
        return earlier.seed
    return secrets.randbelow(2**31)


def _fail(recorder: Recorder, error: BaseException) -> int:
    close_with(recorder, error)
    return FAILED
