"""The confirmation: feed repeats of the nominated trials to the tuner, and collect their results."""

from __future__ import annotations

import json
from typing import Any

from airflow_sparktune.driver.loop.trial_queue import TrialQueue
from airflow_sparktune.driver.retuning.decide import missing_repeats
from airflow_sparktune.driver.samplers.base import Exhausted, Suggestion
from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.record.contender import Contender
from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.stopping import Rule, StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialPurpose, TrialState


def nominate(study: Study, *, incumbent: Any, top: int) -> list[Trial]:
    """Return the best distinct configurations of a search, best first, without the incumbent's.

    The recommended one is the first, followed by those with the lowest losses. Those beyond a guardrail come
    last: a single value of a noisy metric may be wrong.
    """
    seen = {_text(incumbent)}
    ok = [trial for trial in study.searched if trial.state is TrialState.OK]
    first = [study.best] if study.best else []
    guards = study.guards
    found: list[Trial] = []
    ranked = [*first, *sorted(ok, key=lambda each: each.rank)]
    for trial in sorted(ranked, key=lambda each: not guards.hold(each)):
        text = _text(trial.params)
        if text not in seen:
            seen.add(text)
            found.append(trial)
    return found[:top]


class Confirmation:
    """The repeats of the nominated trials: their results, and which are missing."""

    def __init__(self, study: Study, rule: DecisionRule) -> None:
        self._study = study
        self._rule = rule
        nominated = study.nominated
        self._incumbent = nominated.incumbent if nominated else None
        self._candidates = nominated.candidates if nominated else ()

    @property
    def incumbent(self) -> Contender | None:
        """Return the incumbent with its repeats so far."""
        return None if self._incumbent is None else self._contender(self._incumbent)

    @property
    def candidates(self) -> list[Contender]:
        """Return the candidates with their repeats so far, best first."""
        return [self._contender(number) for number in self._candidates]

    def missing(self) -> list[tuple[int, int]]:
        """Return the repeats that have not ended as (trial of the search, repeat), the next one first."""
        found = missing_repeats(self._rule, self.incumbent, self.candidates)
        return [(contender.number, repeat) for contender, repeat in found]

    def _contender(self, number: int) -> Contender:
        # Losses on other data than the search's are not comparable with the search loss.
        return Contender.of(self._study, number, same_data=not self._rule.confirm.objective_kwargs)


class RepeatQueue(TrialQueue):
    """Feeds the tuner the repeats that the decision still needs."""

    def __init__(self, study: Study, confirmation: Confirmation) -> None:
        super().__init__()
        self._study = study
        self._confirmation = confirmation
        self._begun = {
            (trial.repeats, trial.repeat)
            for trial in study.trials.values()
            if trial.purpose is TrialPurpose.CONFIRM and trial.state is not TrialState.CANCELLED
        }

    def fresh(self, number: int) -> Trial | None:
        """Return the next repeat that has not started yet."""
        for repeated, repeat in self._confirmation.missing():
            if (repeated, repeat) not in self._begun:
                self._begun.add((repeated, repeat))
                source = self._study.trials[repeated]
                return Trial(
                    number=number,
                    params=source.params,
                    point=source.point,
                    origin=source.origin,
                    purpose=TrialPurpose.CONFIRM,
                    repeats=repeated,
                    repeat=repeat,
                    tries=0,
                )
        return None


class NoSuggestions:
    """A sampler for the confirmation, which suggests and learns nothing."""

    dimensions: tuple[Dimension, ...] = ()

    def ask(self, number: int, *, seed: int) -> Suggestion:  # noqa: ARG002 - the protocol's
        """Raise Exhausted: a confirmation runs only its repeats."""
        raise Exhausted

    def tell(self, trial: Trial) -> None:
        """Do nothing."""

    def given(self, params: Any) -> Suggestion:
        """Return the params without a check."""
        return Suggestion({}, params)

    def recommend(self) -> None:
        """Return None: the decision is based on the repeats."""


class BrokenIncumbent(Rule):
    """Ends the search when the incumbent has failed."""

    reason = StopReason.ERROR

    def __init__(self) -> None:
        self._failed = False

    def tell(self, trial: Trial) -> None:
        if trial.origin is TrialOrigin.INCUMBENT and trial.state is TrialState.FAILED:
            self._failed = True

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        return self._failed


class EnoughRepeats(Rule):
    """Ends the confirmation when the decision can be made."""

    reason = StopReason.MAX_EVALS

    def __init__(self, confirmation: Confirmation) -> None:
        self._confirmation = confirmation

    @property
    def wanted(self) -> float:
        return len(self._confirmation.missing())

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        return not self._confirmation.missing()


def _text(params: Any) -> str:
    return json.dumps(params, sort_keys=True)
