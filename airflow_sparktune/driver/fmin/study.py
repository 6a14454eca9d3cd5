"""One attempt over the study of a script's function: what `attempt` is to a spec."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from pyspark import SparkContext
from pyspark.resource import ResourceProfile

from airflow_sparktune.driver.fmin.backend import FunctionSlots
from airflow_sparktune.driver.fmin.sampler import FminSampler, next_seed, pass_over
from airflow_sparktune.driver.progress_log import tell_end
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.hyperopt_tpe import Suggest
from airflow_sparktune.driver.stopping import Limits
from airflow_sparktune.driver.termination import KILLED, Killed, Termination, terminable
from airflow_sparktune.driver.tuning import close_with, look_at_executors, tune
from airflow_sparktune.errors import ObjectiveError, Superseded, describe
from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.study import StopReason, Study
from airflow_sparktune.study.trial import Trial, TrialState

log = logging.getLogger(__name__)


class Watch(Protocol):
    """Sees the trials as they end, those of earlier attempts first."""

    def begin(self) -> None:
        """Forget what was seen."""

    def ended(self, trial: Trial, answer: Mapping[str, Any] | None = None) -> bool:
        """Take in a trial that has ended, and what it returned; whether the study shall stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a script wants to have minimised, and how."""

    spec: Spec
    function: Callable[[Any], Any]
    domain: Any
    suggest: Suggest
    generator: np.random.Generator
    watch: Watch
    raw_params: bool = False
    points: Sequence[Mapping[str, Any]] = ()
    inserted: Sequence[Trial] = ()  # trials of other studies that were handed in
    drawn: int = 0  # how many of the trials got their seeds from this very generator before
    profile: ResourceProfile | None = None


class FminLimits(Limits):
    """fmin's: failures alone never end a study, the script's own rule may."""

    def __init__(
        self, spec: Spec, *, ended: Callable[[Trial], bool], used_s: float, clock: Callable[[], float]
    ) -> None:
        super().__init__(spec, used_s=used_s, clock=clock)
        self._ended = ended
        self._stopped = False

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        if trial.state is not TrialState.RUNNING:
            self._stopped = self._ended(trial) or self._stopped

    def reached(self) -> StopReason | None:
        return StopReason.EARLY_STOP if self._stopped else self._now_reached()

    def require_success(self) -> None:
        """Not here: `fmin` itself asks for one, where it is to return the best."""


class FunctionAttempt:
    """Opens the study, going on from what `follower` has read unless `anew`, and runs it to its end.

    Where that is `own`, the trials of the same SparkTrials, they are kept whatever has changed. Raises
    SpecError for a point to start with that is none of the space's.
    """

    def __init__(
        self, search: Search, storage: Storage, follower: StudyFollower, *, anew: bool, own: bool
    ) -> None:
        spec, earlier = search.spec, follower.study
        changed = earlier.spec.changed_identity(spec) if earlier.spec else ()
        takes_over = not (changed or anew)
        drawn_seed = _seed(search, earlier if takes_over else None)
        generator = search.generator if spec.seed is not None else np.random.default_rng(drawn_seed)
        self._search = search
        self._sampler = FminSampler(search.domain, search.suggest, generator=generator, points=search.points)
        kept = [trial for trial in earlier.ended if trial.counts] if own and not takes_over else []
        if changed and not anew:
            log.warning(
                "another study than the one begun here (%s changed): %s",
                ", ".join(changed),
                "its trials are kept" if own else "starting anew",
            )
        kept += new_among(search.inserted, [*earlier.trials.values()] if takes_over else kept)
        self._recorder = Recorder.open(
            storage,
            follower,
            spec=spec,
            seed=drawn_seed,
            dimensions=tuple(item.to_json() for item in self._sampler.dimensions),
            take_over=takes_over,
            adopted=self._sampler.usable(kept),
        )
        self.study = self._recorder.study
        pass_over(generator, self.study, drawn=0 if spec.seed is None else search.drawn)

    def run(self, context: SparkContext) -> StopReason:
        """Why the study ended; raises what else ended the attempt, which the next one can go on from."""
        with terminable() as termination:
            try:
                reason = _run(self._search, self._recorder, self._sampler, context, termination)
            except Superseded:
                raise
            except (Killed, KeyboardInterrupt, Exception) as error:
                self._close(error, killed=termination.asked)
                if termination.asked:
                    raise SystemExit(KILLED) from error
                raise
            if termination.asked:  # too late for this study; but the script shall end
                raise SystemExit(KILLED)
            return reason

    def _close(self, error: BaseException, *, killed: bool) -> None:
        if killed:
            log.warning("killed; the next attempt goes on where this one stopped")
        if killed or isinstance(error, KeyboardInterrupt):
            self._recorder.close(StopReason.KILLED)
        else:
            close_with(self._recorder, error)


def stands(study: Study, search: Search) -> bool:
    """Whether a study ended with what is asked for now: no limit has changed that could let it go on."""
    if study.closed is None or not study.answers(search.spec):
        return False
    if new_among(search.inserted, study.trials.values()):
        return False
    if study.closed.reason is StopReason.EARLY_STOP:
        # The script's rule is no part of the spec: ask it again.
        search.watch.begin()
        return any(search.watch.ended(trial) for trial in study.ended if trial.counts)
    return True


def pass_by(search: Search, study: Study) -> None:
    """Leave the script's generator as running the study would have left it."""
    if search.spec.seed is None:
        next_seed(search.generator)
    else:
        pass_over(search.generator, study, drawn=search.drawn)


def new_among(inserted: Iterable[Trial], known: Iterable[Trial]) -> list[Trial]:
    """The inserted trials that are not known yet, under numbers that are free."""
    trials = {trial.number: trial for trial in known}
    found = [(trial.point, trial.loss) for trial in trials.values()]
    new = [trial for trial in inserted if (trial.point, trial.loss) not in found]
    for at, trial in enumerate(new):
        number = max(trials) + 1 if trial.number in trials else trial.number
        new[at] = trials[number] = replace(trial, number=number)
    return new


def no_success(study: Study) -> ObjectiveError:
    """What there is to say of a study without a single loss."""
    failed = next((trial.error for trial in study.trials.values() if trial.error), None)
    first = f"; the first failure: {failed.message}\n{failed.traceback or ''}".rstrip() if failed else ""
    return ObjectiveError(
        f"at least one trial must succeed, but none of {len(study.trials)} did before the study ended{first}"
    )


def _run(
    search: Search,
    recorder: Recorder,
    sampler: FminSampler,
    context: SparkContext,
    termination: Termination,
) -> StopReason:
    recorder.spark(application=context.applicationId, master=context.master, ui=context.uiWebUrl)
    study = recorder.study

    def value_of(number: int) -> Any:
        point = study.trials[number].point
        return point if search.raw_params else sampler.value(point)

    def ended(trial: Trial) -> bool:
        return search.watch.ended(trial, slots.answers.get(trial.number))

    with recorder.watch.on("prepare"):
        slots = FunctionSlots(
            context,
            search.function,
            parallelism=search.spec.parallelism,
            value_of=value_of,
            profile=search.profile,
        )
    with closing(slots):
        look_at_executors(slots, search.spec, recorder, context, termination)
        search.watch.begin()
        reason = tune(
            search.spec,
            recorder,
            sampler,
            slots,
            master=context.master,
            termination=termination,
            limits=partial(FminLimits, ended=ended),
        )
    if study.best is None:
        recorder.close(StopReason.ERROR, error=describe(no_success(study)))
    else:
        recorder.close(reason)
        tell_end(study)
    return reason


def _seed(search: Search, earlier: Study | None) -> int:
    """The given seed, the one drawn by an earlier attempt, or a new one."""
    if search.spec.seed is not None:
        return search.spec.seed
    # Drawn even where it is not needed: what the script uses the generator for next shall be the same.
    drawn = next_seed(search.generator)
    return drawn if earlier is None or earlier.seed is None else earlier.seed
