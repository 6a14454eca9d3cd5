"""The plan of a study that a script around `hyperopt.fmin` defines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_sparktune.driver.engines.base import Lane
from airflow_sparktune.driver.engines.spark import SparkEngine
from airflow_sparktune.driver.fmin.lane import FunctionLane
from airflow_sparktune.driver.fmin.sampler import FminSampler
from airflow_sparktune.driver.fmin.search import Search
from airflow_sparktune.driver.loop.trial_queue import Start
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.record.settled import refuse_another_decision
from airflow_sparktune.study.stopping import EarlyStop, FirstFailures, Rule, StopReason, rules_of
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin


class FminPlan:
    """Runs a script's live function over its live space.

    Failures alone never end the study, but the script's early_stop_fn may. With `own`, the journal holds
    trials of the same SparkTrials object, which are kept even if the search has changed.
    """

    brief = False

    def __init__(self, search: Search, engine: SparkEngine, *, starts_over: bool, own: bool) -> None:
        self.spec = search.spec
        self.starts_over = starts_over
        self.study: Study | None = None
        self._search = search
        self._engine = engine
        self._own = own
        self._sampler: FminSampler | None = None

    def lane(self) -> Lane:
        search, engine = self._search, self._engine
        engine.start()
        lane = FunctionLane(
            engine,
            search.function,
            parallelism=self.spec.parallelism,
            value_of=self._value_of,
            answers=search.documents.answers,
            profile=search.profile,
        )
        return engine.admit(lane)

    def application(self) -> Mapping[str, str | None]:
        return self._engine.describe()

    def sampler(self) -> Sampler:
        search = self._search
        self._sampler = FminSampler(search.domain, search.suggest, seeds=search.seeds)
        return self._sampler

    def starts(self, sampler: Sampler) -> Sequence[Start]:  # noqa: ARG002 - the plan's own
        return [Start(point, TrialOrigin.GIVEN) for point in self._started.starts(self._search.points)]

    def seed(self, earlier: Study | None) -> int:
        """Return the script's seed, else the seed of an earlier attempt, else the drawn one."""
        if self.spec.seed is not None:
            return self.spec.seed
        seed = self._search.seed if earlier is None or earlier.seed is None else earlier.seed
        if self._sampler is not None:  # else the attempt has failed before it had one
            self._sampler.seed_with(seed)
        return seed

    def adopts(self, earlier: Study, cleared: Sequence[Trial], *, goes_on: bool) -> Sequence[Trial]:
        adopted = [replace(trial, origin=TrialOrigin.ADOPTED) for trial in cleared]
        if self._sampler is None:
            return adopted
        kept = [trial for trial in earlier.ended_trials if trial.counts] if self._own and not goes_on else []
        kept += adopted
        kept += new_among(self._search.inserted, earlier.trials.values() if goes_on else kept)
        return self._sampler.usable(kept)

    def opened(self, study: Study) -> None:
        self.study = study
        self._search.documents.keep(study)
        self._search.documents.begin()

    def rules(self) -> Sequence[Rule]:
        limits = (rule for rule in rules_of(self.spec) if not isinstance(rule, FirstFailures))
        return [EarlyStop(self._search.documents.observe), *limits]

    @property
    def _started(self) -> FminSampler:
        if self._sampler is None:
            raise RuntimeError("a study cannot run before its sampler is made")
        return self._sampler

    def _value_of(self, number: int) -> Any:
        if self.study is None:
            raise RuntimeError("a trial cannot run before its study is open")
        trial = self.study.trials[number]
        if trial.origin is TrialOrigin.INCUMBENT and not trial.point:  # outside the space
            return trial.params
        point = trial.point
        return point if self._search.raw_params else self._started.space.value(point)


def result_is_valid(study: Study, search: Search) -> bool:
    """Return whether a study has ended with the requested result, and no changed limit lets it continue.

    Raises SpecError if it has decided by another rule.
    """
    refuse_another_decision(study, search.spec)
    if study.closed is None or not study.answers(search.spec):
        return False
    if new_among(search.inserted, study.trials.values()):
        return False
    if study.closed.reason is StopReason.EARLY_STOP:
        # The script's early_stop_fn is not part of the spec, so it is called again.
        search.documents.begin()
        return any(search.documents.observe(trial) for trial in study.ended_trials if trial.counts)
    return True


def new_among(inserted: Iterable[Trial], known: Iterable[Trial]) -> list[Trial]:
    """Return the inserted trials that are not known yet, renumbered if their number is taken."""
    trials = {trial.number: trial for trial in known}
    found = [(trial.point, trial.loss) for trial in trials.values()]
    new = [trial for trial in inserted if (trial.point, trial.loss) not in found]
    for at, trial in enumerate(new):
        number = max(trials) + 1 if trial.number in trials else trial.number
        new[at] = trials[number] = replace(trial, number=number)
    return new
