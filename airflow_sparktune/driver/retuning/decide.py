"""The decision whether a candidate replaces the incumbent, based on paired repeats with new seeds.

Search losses only nominate candidates. Candidate i passes if the mean over the repeats j of d_ij =
(incumbent's loss - candidate's loss - margin) exceeds 0 in a one-sided t test at 1 - alpha/m, with m
candidates. The correction is needed because the best candidate is chosen on the same repeats that test it:
otherwise the choice would suffer from the winner's curse. docs/explanation/deciding.md has the simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from airflow_sparktune.driver.retuning.guardrails import broken_guardrail
from airflow_sparktune.driver.retuning.paired import Paired, dropped_after, noise_free, refuse_mixed_signs
from airflow_sparktune.driver.retuning.words import first_reason, kept_reason, replaced_reason
from airflow_sparktune.errors import IncumbentBroken
from airflow_sparktune.study.definition.confirm import LEAST_REPEATS
from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.record.contender import Contender, residual_sd
from airflow_sparktune.study.retuning.decision import Decision, Measured, Outcome, Standing


def missing_repeats(
    rule: DecisionRule, incumbent: Contender | None, candidates: Sequence[Contender]
) -> list[tuple[Contender, int]]:
    """Return the repeats that the decision still needs, in the order to run them; none if it can be made.

    The first repeat of all configurations comes first, then the second, so that a bad candidate is dropped
    early.
    """
    repeats = rule.confirm.repeats
    racing = [item for item in candidates if _standing(rule, incumbent, item) is Standing.UNFINISHED]
    if incumbent is not None:
        if _broken(rule, incumbent) or not racing:
            return []
        racing.insert(0, incumbent)
    lacking = [(number, item) for item in racing for number in item.lacks(repeats)]
    return [(item, number) for number, item in sorted(lacking, key=lambda pair: pair[0])]


def decide(rule: DecisionRule, incumbent: Contender, candidates: Sequence[Contender]) -> Decision:
    """Return the decision whether one of the candidates replaces the incumbent. A pure function.

    Raises IncumbentBroken if fewer than three repeats of the incumbent succeeded, SpecError for a relative
    margin if losses have both signs.
    """
    if _broken(rule, incumbent):
        raise IncumbentBroken(
            f"the incumbent must run on today's data, but {incumbent.failures} of "
            f"{rule.confirm.repeats} repeats of it failed"
        )
    refuse_mixed_signs(rule, [incumbent, *candidates])
    standings = [_standing(rule, incumbent, item) for item in candidates]
    noise = _noise(rule, incumbent, candidates, standings)
    stand_in_sd = 2**0.5 * residual_sd([incumbent, *_without_failures(candidates)])
    judged = [
        _judge(rule, incumbent, item, standing, of=len(candidates), noise=noise, stand_in_sd=stand_in_sd)
        for item, standing in zip(candidates, standings, strict=True)
    ]
    if Standing.UNFINISHED in standings:
        winner = None
        judged = [
            replace(item, standing=Standing.UNFINISHED) if item.standing is Standing.PASSED else item
            for item in judged
        ]
    else:
        judged, winner = _pick(judged)
    ours = incumbent.measured()
    return Decision(
        outcome=Outcome.REPLACED if winner else Outcome.KEPT,
        reason=replaced_reason(winner, noise=noise) if winner else kept_reason(rule, judged, noise=noise),
        params=winner.params if winner else ours.params,
        number=winner.number if winner else ours.number,
        incumbent=ours,
        candidates=tuple(judged),
        noise=noise,
    )


def choose(
    rule: DecisionRule,
    candidates: Sequence[Contender],
    *,
    outcome: Outcome = Outcome.FIRST,
    why: str | None = None,
) -> Decision | None:
    """Return the decision for the best mean of the repeats, without an incumbent to compare with.

    Return None if no candidate ran without a failure and within the guardrails. If the confirmation was cut
    off, the best trial of the search is chosen. `why` explains why there is no incumbent.
    """
    standings = [_standing(rule, None, item) for item in candidates]
    noise = _noise(rule, None, candidates, standings)
    first = outcome is Outcome.FIRST
    judged = []
    for item, standing in zip(candidates, standings, strict=True):
        broken = broken_guardrail(rule, item, None, first=first) if item.losses else None
        if broken and standing is not Standing.FAILED:
            judged.append(item.measured(standing=Standing.GUARDRAIL, why=broken))
        else:
            judged.append(item.measured(standing=standing))
    unfinished = any(item.standing is Standing.UNFINISHED for item in judged)
    running = [item for item in judged if item.standing in (Standing.PASSED, Standing.UNFINISHED)]
    if not running:
        return None
    # Candidates are in the order of their search losses.
    best = running[0] if unfinished else min(running, key=_mean)
    winner = replace(best, standing=Standing.WON)
    return Decision(
        outcome=outcome,
        reason=first_reason(winner, rule.metric, why=why, unfinished=unfinished, noise=noise),
        params=winner.params,
        number=winner.number,
        candidates=tuple(winner if item is best else item for item in judged),
        noise=noise,
    )


def _without_failures(candidates: Sequence[Contender]) -> list[Contender]:
    return [item for item in candidates if not item.failures]


def _noise(
    rule: DecisionRule,
    incumbent: Contender | None,
    candidates: Sequence[Contender],
    standings: Sequence[Standing],
) -> bool:
    """Return False if all repeats are there and show no noise; a candidate with failures does not count."""
    if Standing.UNFINISHED in standings or (incumbent is not None and incumbent.failures):
        return True
    return not noise_free(incumbent, _without_failures(candidates), repeats=rule.confirm.repeats)


def _broken(rule: DecisionRule, incumbent: Contender) -> bool:
    return incumbent.failures > rule.confirm.repeats - LEAST_REPEATS


def _standing(rule: DecisionRule, incumbent: Contender | None, candidate: Contender) -> Standing:
    """Return the progress of a candidate; PASSED means that only the test is missing."""
    repeats = rule.confirm.repeats
    if candidate.failures:
        return Standing.FAILED
    if incumbent is not None and dropped_after(incumbent, candidate, rule.margin, repeats=repeats):
        return Standing.DROPPED
    lacks = candidate.lacks(repeats) or (incumbent is not None and incumbent.lacks(repeats))
    return Standing.UNFINISHED if lacks else Standing.PASSED


def _judge(
    rule: DecisionRule,
    incumbent: Contender,
    candidate: Contender,
    standing: Standing,
    *,
    of: int,
    noise: bool,
    stand_in_sd: float,
) -> Measured:
    """Return the measurements and standing of a candidate; PASSED if it passes the test."""
    pairs = Paired.of(incumbent, candidate, rule.margin, upto=rule.confirm.repeats, stand_in_sd=stand_in_sd)
    if not pairs.n or standing is Standing.FAILED:
        return candidate.measured(standing=standing, pairs=pairs.n)
    # A single pair, from a confirmation that was cut off, contains no information about noise.
    bound = pairs.lower((1 - rule.confirm.confidence) / of) if pairs.n > 1 else None
    if not noise:
        bound = pairs.mean
    why = None
    if standing is Standing.PASSED and (bound is None or bound <= 0):
        standing = Standing.NOT_BETTER
    if standing is Standing.PASSED and (why := broken_guardrail(rule, candidate, incumbent)):
        standing = Standing.GUARDRAIL
    return candidate.measured(
        standing=standing,
        pairs=pairs.n,
        difference=pairs.gain,
        difference_error=pairs.std_error if noise else 0.0,
        bound=bound,
        why=why,
    )


def _pick(judged: list[Measured]) -> tuple[list[Measured], Measured | None]:
    """Mark the candidate with the best mean among those that passed as the winner, and return it."""
    passed = [item for item in judged if item.standing is Standing.PASSED]
    if not passed:
        return judged, None
    best = min(passed, key=_mean)
    winner = replace(best, standing=Standing.WON)
    return [winner if item is best else item for item in judged], winner


def _mean(item: Measured) -> float:
    return float("inf") if item.mean is None else item.mean
