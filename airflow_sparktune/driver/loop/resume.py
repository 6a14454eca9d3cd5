"""Continue a phase of a study from its journal: learn from its trials, queue those that were cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_sparktune.driver.loop.ends import lost_driver
from airflow_sparktune.driver.loop.stopping import StoppingRules
from airflow_sparktune.driver.loop.trial_queue import TrialQueue, without_slot
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialPurpose, TrialState


def replay(
    purpose: TrialPurpose,
    *,
    recorder: Recorder,
    sampler: Sampler,
    rules: StoppingRules,
    queue: TrialQueue,
    on_trial: Callable[[Trial], None],
) -> None:
    """Pass the trials in the journal to the sampler and the rules; queue those that were left running.

    A running trial whose drivers died too often is recorded as failed and passed to `on_trial`: it may have
    killed them (a JVM out of memory, `os._exit` on the driver).
    """
    study = recorder.study
    ours = [trial for _, trial in sorted(study.trials.items()) if trial.purpose is purpose]
    running = [trial for trial in ours if trial.state is TrialState.RUNNING]
    ended = study.ended_trials
    for trial in ended:
        # A trial cancelled at the end of an earlier attempt has nothing to learn from.
        if trial.purpose is purpose and trial.state is not TrialState.CANCELLED:
            learn(sampler, trial)
    for trial in running:
        learn(sampler, trial)
    rules.replay(ended)
    most = max(recorder.spec.limits.max_trial_retries, 1)
    for trial in running:
        if study.closed_in_order(trial.attempt):
            trial = replace(trial, tries=trial.tries - 1)
        if trial.tries <= most:
            # Any of the trials that ran together may have killed the driver: each has its last try alone.
            queue.run_again(without_slot(trial), alone=trial.tries == most)
            continue
        failed = trial.ended(TrialState.FAILED, end=recorder.now, error=lost_driver(trial.tries))
        recorder.trial(failed)
        rules.tell(failed)
        learn(sampler, failed)
        on_trial(failed)
    recorder.commit()


def learn(sampler: Sampler, trial: Trial) -> None:
    """Pass a trial to the sampler, unless it is an incumbent outside the space, which has no point."""
    if trial.point or trial.origin is not TrialOrigin.INCUMBENT:
        sampler.tell(trial)
