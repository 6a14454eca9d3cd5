"""The comparison of a study with production: its starting points, confirmation, decision and record."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from airflow_sparktune.driver.loop.trial_queue import Start, TrialQueue
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.retuning.confirmation import (
    BrokenIncumbent,
    Confirmation,
    EnoughRepeats,
    RepeatQueue,
    nominate,
)
from airflow_sparktune.driver.retuning.decide import choose, decide
from airflow_sparktune.driver.retuning.futility import no_challenger
from airflow_sparktune.driver.retuning.guardrails import require_metrics
from airflow_sparktune.driver.retuning.incumbent import resolve_incumbent
from airflow_sparktune.driver.retuning.paired import refuse_mixed_signs
from airflow_sparktune.driver.retuning.warm_start import warm_points
from airflow_sparktune.driver.samplers.base import Sampler, Suggestion
from airflow_sparktune.errors import IncumbentBroken, ObjectiveError
from airflow_sparktune.study.address import folder_of
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Decided, Nominated, StartsResolved
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.promotion import put_on_record
from airflow_sparktune.study.retuning.decision import Decision, Outcome
from airflow_sparktune.study.retuning.starts import Basis, Incumbent
from airflow_sparktune.study.stopping import (
    Rule,
    SlotHours,
    StopReason,
    Timeout,
    left_to_gain,
    rules_of,
)
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialState

log = logging.getLogger(__name__)


class RunRepeats(Protocol):
    """Runs the trials of a queue until a rule ends them."""

    def __call__(self, *, queue: TrialQueue, rules: Sequence[Rule]) -> StopReason: ...


# The final states of an incumbent's trial that count as a measurement.
_MEASURED = (TrialState.OK, TrialState.FAILED)


class Retuner:
    """Retunes a study whose spec has an incumbent or a warm start; does nothing for other studies.

    `address` is the address of the study, None in memory. Everything resolved or decided is journalled first,
    and read from the journal by a retry.
    """

    def __init__(self, spec: Spec, recorder: Recorder, sampler: Sampler, address: str | None) -> None:
        self._spec = spec
        self._rule = spec.rule
        self._recorder = recorder
        self._study = recorder.study
        self._sampler = sampler
        self._address = address
        self._champions = _record_of(spec, address)

    def starts(self, given: Sequence[Start]) -> list[Start]:
        """Return the configurations to run first: the incumbent, the given points, the warm-start points."""
        self._resolve()
        self._check_earlier_metrics()
        incumbent, starts = self._incumbent, list(given)
        if incumbent is not None:
            # It has no point if it does not fit the space.
            starts.insert(
                0, Start(Suggestion(incumbent.point or {}, incumbent.params), TrialOrigin.INCUMBENT)
            )
        warm = [point.params for point in self._study.starts.warm_start] if self._study.starts else []
        fresh = [params for params in warm if incumbent is None or params != incumbent.params]
        starts += [Start(self._sampler.given(params), TrialOrigin.WARM_START) for params in fresh]
        return starts

    def search_rules(self, rules: Sequence[Rule]) -> list[Rule]:
        """Return the rules that end the search, with a share of the time reserved for the confirmation."""
        if self._spec.retuning.incumbent is None:
            return list(rules)
        share = 1 - self._rule.confirm.timeout_share
        own = [rule.shortened(share) for rule in rules]
        return [BrokenIncumbent(), *own] if self._spec.retuning.on_broken == "fail" else own

    @property
    def search_ended(self) -> StopReason | None:
        """Return the reason for which an earlier attempt ended the search, or None."""
        return self._study.nominated.reason if self._study.nominated else None

    def check_metrics(self, trial: Trial) -> None:
        """Check an ended trial: raises ObjectiveError if it lacks a metric that a guardrail needs."""
        if trial.state is TrialState.OK:
            require_metrics(self._rule, trial.info)

    def _check_earlier_metrics(self) -> None:
        """Check the trials of earlier attempts: without their metrics, a guardrail would not guard."""
        for trial in self._study.ended_trials:
            try:
                self.check_metrics(trial)
            except ObjectiveError as error:
                raise ObjectiveError(
                    f"{error}; trial {trial.number} has ended without it, so mend the objective and start "
                    "another study"
                ) from None

    def require_incumbent(self) -> None:
        """Raise IncumbentBroken if the incumbent has failed, unless it may then be replaced."""
        failure = _failure_of(self._incumbent_trial())
        if failure is not None and self._spec.retuning.on_broken == "fail":
            raise IncumbentBroken(
                f"{failure}; fix what the objective needs, or set retuning.on_broken='replace'"
            )

    def conclude(self, reason: StopReason, repeat: RunRepeats) -> None:
        """Confirm, decide and record the decision, except for the steps that an earlier attempt completed.

        `reason` is why the search ended; `repeat` runs the trials of a queue until a rule ends them.
        Raises IncumbentBroken, SpecError or ObjectiveError if no decision can be made.
        """
        if self._spec.retuning.incumbent is not None and self._study.decision is None:
            decision = self._decide(reason, repeat)
            self._recorder.note(Decided, decision=decision)
        if self._champions is not None and self._address is not None:
            self._put_on_record(self._champions, self._address)

    def _put_on_record(self, champions: Champions, address: str) -> None:
        """Write the entry of this study; journal what is on record if it differs from the decision.

        It differs if production has changed since the study began, or if an attempt that this one has
        replaced was faster.
        """
        self._recorder.require_newest()
        entry = put_on_record(self._study, address, champions, at=self._recorder.now)
        if entry.evidence is None:  # a study without an incumbent
            return
        recorded = Decision.from_json(entry.evidence)
        if recorded != self._study.decision:
            log.warning("entry %d of the record: %s: %s", entry.number, entry.action, recorded.reason)
            self._recorder.note(Decided, decision=recorded)

    @property
    def _incumbent(self) -> Incumbent | None:
        """Return the incumbent to measure, or None."""
        found = self._study.starts.incumbent if self._study.starts else None
        return found if found is not None and found.runs else None

    def _resolve(self) -> None:
        spec = self._spec
        if self._study.starts is not None or not spec.needs_record:
            return
        incumbent = basis = None
        if spec.retuning.incumbent is not None:
            champion = self._champions.current() if self._champions else None
            incumbent = resolve_incumbent(
                spec, self._champions, self._sampler, champion=champion, study=self._address
            )
            started = self._study.attempts[0].opened
            # Journals have no times before 1970, so older data count as of that time.
            moment = started if spec.moment is None else min(max(spec.moment, 0.0), started)
            basis = Basis(champion=champion.number if champion else None, moment=moment)
        points = warm_points(spec, self._champions, self._sampler, study=self._address)
        self._recorder.note(StartsResolved, incumbent=incumbent, warm_start=tuple(points), basis=basis)

    def _decide(self, reason: StopReason, repeat: RunRepeats) -> Decision:
        trial = self._incumbent_trial()
        if self._incumbent is not None and (trial is None or trial.state not in _MEASURED):
            return self._kept_unmeasured(trial)
        why = self._why_without(trial)
        self._nominate(reason, trial if why is None else None)
        confirmation = Confirmation(self._study, self._rule)
        if confirmation.incumbent is not None:
            refuse_mixed_signs(self._rule, [confirmation.incumbent, *confirmation.candidates])
        if confirmation.missing():
            limits = [rule for rule in rules_of(self._spec) if isinstance(rule, (Timeout, SlotHours))]
            queue = RepeatQueue(self._study, confirmation)
            repeat(queue=queue, rules=[EnoughRepeats(confirmation), *limits])
        if confirmation.incumbent is None:
            return self._choose(confirmation, why)
        try:
            decision = decide(self._rule, confirmation.incumbent, confirmation.candidates)
            if reason is StopReason.CONVERGED and not confirmation.candidates:
                left = left_to_gain(self._study.ended_trials)
                return replace(decision, reason=f"no challenger is likely to beat production{left}")
            return decision
        except IncumbentBroken as error:
            if self._spec.retuning.on_broken == "fail":
                raise
            return self._choose(confirmation, str(error))

    def _nominate(self, reason: StopReason, incumbent: Trial | None) -> None:
        """Journal which trials are confirmed, unless an earlier attempt did."""
        if self._study.nominated is not None:
            return
        params = None if incumbent is None else incumbent.params
        futile = reason is StopReason.CONVERGED and no_challenger(self._study, self._rule, incumbent)
        candidates = [] if futile else nominate(self._study, incumbent=params, top=self._rule.confirm.top)
        self._recorder.note(
            Nominated,
            reason=reason,
            candidates=tuple(each.number for each in candidates),
            incumbent=None if incumbent is None else incumbent.number,
        )
        if futile:
            log.info("the search has converged, and no challenger is likely to beat production")
            return
        log.info(
            "confirming %d candidates with %d repeats%s",
            len(candidates),
            self._rule.confirm.repeats,
            "" if incumbent is None else " against the incumbent",
        )

    def _incumbent_trial(self) -> Trial | None:
        found = (trial for trial in self._study.searched if trial.origin is TrialOrigin.INCUMBENT)
        return next(found, None)

    def _why_without(self, trial: Trial | None) -> str | None:
        """Return why there is no incumbent to compare with, or None if there is one."""
        found = self._study.starts.incumbent if self._study.starts else None
        if found is None or found.params is None:
            return "there was no champion yet"
        if found.dropped:
            return f"the incumbent no longer fits the space and was dropped ({found.problem})"
        return _failure_of(trial)

    def _kept_unmeasured(self, trial: Trial | None) -> Decision:
        """Return the decision to keep an incumbent that was not measured before the study ended."""
        return Decision(
            outcome=Outcome.KEPT,
            reason="the study ended before the incumbent was measured; the next run needs higher limits",
            params=self._incumbent.params if self._incumbent else None,
            number=None if trial is None else trial.number,
        )

    def _choose(self, confirmation: Confirmation, why: str | None) -> Decision:
        found = self._study.starts.incumbent if self._study.starts else None
        outcome = Outcome.FIRST if found is None or found.params is None else Outcome.REPLACED
        decision = choose(self._rule, confirmation.candidates, outcome=outcome, why=why)
        if decision is None:
            raise ObjectiveError(
                f"at least one candidate must complete its repeats within the guardrails, but none of "
                f"{len(confirmation.candidates)} did; {why}"
            )
        return decision


def _record_of(spec: Spec, address: str | None) -> Champions | None:
    """Return the task's record of champions: at the address in the spec, else beside the study."""
    if spec.champions is not None:
        return Champions(spec.champions, spec.segment)
    if address is None or not spec.needs_record:
        return None
    return Champions(folder_of(address), spec.segment)


def _failure_of(incumbent: Trial | None) -> str | None:
    """Return why the incumbent's trial failed, or None if it did not."""
    if incumbent is None or incumbent.state is not TrialState.FAILED:
        return None
    return (
        f"the incumbent failed on today's data: {incumbent.error.message if incumbent.error else 'no loss'}"
    )
