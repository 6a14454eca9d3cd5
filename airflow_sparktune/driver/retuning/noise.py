"""Tell whether the repeats show noise. If not, differences are compared without a test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from airflow_sparktune.driver.retuning.paired import Paired
from airflow_sparktune.study.definition.rule import Margin
from airflow_sparktune.study.record.contender import ROUNDING, Contender, spread


def noise_free(incumbent: Contender | None, candidates: Sequence[Contender], *, repeats: int) -> bool:
    """Return whether all `repeats` show that there is no noise, up to rounding.

    That is so if every configuration had the same loss in all its runs, or if each candidate differed from
    the incumbent by the same amount in all repeats. `candidates` have no failed repeat; those that were
    dropped early count with the repeats that they have.
    """
    everyone = candidates if incumbent is None else [incumbent, *candidates]
    if not everyone or len(everyone[0].losses) < repeats:
        return False
    if not any(spread(item.all_losses) for item in everyone):
        return True
    return incumbent is not None and bool(candidates) and _keep_their_distance(incumbent, candidates)


def _keep_their_distance(incumbent: Contender, candidates: Sequence[Contender]) -> bool:
    losses = sorted(incumbent.losses.values())
    # Losses that recur come in steps, and equal differences of a few steps may be chance.
    if any(more - less <= ROUNDING * max(abs(less), abs(more)) for less, more in pairwise(losses)):
        return False
    pairs = [Paired.of(incumbent, item, Margin(0.0), upto=max(incumbent.losses)) for item in candidates]
    return not any(spread(each.gains, size=each.size) for each in pairs)
