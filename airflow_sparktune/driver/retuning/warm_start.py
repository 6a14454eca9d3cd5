"""Starting points from earlier studies, without their losses, which were measured on other data."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.errors import SpecError
from airflow_sparktune.printable import one_line
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.earlier import earlier_study
from airflow_sparktune.study.retuning.starts import WarmPoint
from airflow_sparktune.study.trial import TrialState

log = logging.getLogger(__name__)

# The largest number of points if max_evals is unset.
WITHOUT_MAX_EVALS = 10
# The largest number of reasons in the log for points that were left out.
REASONS = 3


def warm_points(
    spec: Spec, champions: Champions | None, sampler: Sampler, *, study: str | None
) -> list[WarmPoint]:
    """Return the starting points that a spec asks for, best first, as many as their share allows.

    `study` is this study's own address. Points that do not fit the space are left out and logged. Raises
    SpecError if the address has no readable study, or if none of its points fits.
    """
    if spec.warm_start.points is None:
        return []
    most = WITHOUT_MAX_EVALS
    if spec.max_evals is not None:
        most = max(int(spec.max_evals * spec.warm_start.share), 1)
    offered = list(_distinct(_offered(spec, champions, study)))
    fitting, reasons = _fitting(offered, sampler)
    if reasons:
        shown = "; ".join(reasons[:REASONS])
        misfits = f"{len(reasons)} of {len(offered)} points of warm_start do not fit the space: {shown}"
        if not fitting and not _of_last_studies(spec):
            raise SpecError(f"warm_start must name points of the space, but {misfits}")
        log.warning("%s", misfits)
    log.info("starting with %d points of warm_start", len(fitting[:most]))
    return fitting[:most]


def _of_last_studies(spec: Spec) -> bool:
    """Return whether the points come from earlier studies of this task, whose space may have changed."""
    return spec.warm_start.points == "previous" or isinstance(spec.warm_start.points, int)


def _offered(spec: Spec, champions: Champions | None, study: str | None) -> Iterator[WarmPoint]:
    match spec.warm_start.points:
        case "previous" | int() as last:
            if champions is None:
                raise SpecError(
                    "warm_start needs earlier studies, but a study in memory has none; give it a folder"
                )
            entries = champions.previous(1 if last == "previous" else int(last), but=study)
            # Losses of different studies are not comparable, so the best of each comes first, then the
            # second.
            columns = [_points_of(entry.study or "", required=False) for entry in entries]
            yield from (point for point in chain.from_iterable(zip_longest(*columns)) if point is not None)
        case str() as address:
            yield from _points_of(address, required=True)
        case points:
            yield from (WarmPoint(params=params) for params in points or ())


def _points_of(address: str, *, required: bool) -> list[WarmPoint]:
    """Return the configurations of a study's search, best first, and those beyond a guardrail last."""
    try:
        found = earlier_study(address)
    except SpecError as error:
        if required:
            raise
        log.warning("%s; going on without its points", one_line(str(error)))
        return []
    guards, ok = found.guards, [trial for trial in found.searched if trial.state is TrialState.OK]
    ok.sort(key=lambda trial: (not guards.hold(trial), trial.rank))
    return [WarmPoint(params=trial.params, study=address) for trial in ok]


def _distinct(points: Iterator[WarmPoint]) -> Iterator[WarmPoint]:
    seen: set[str] = set()
    for point in points:
        text = json.dumps(point.params, sort_keys=True)
        if text not in seen:
            seen.add(text)
            yield point


def _fitting(points: Sequence[WarmPoint], sampler: Sampler) -> tuple[list[WarmPoint], list[str]]:
    fitting: list[WarmPoint] = []
    reasons: list[str] = []
    for point in points:
        try:
            sampler.given(point.params)
            fitting.append(point)
        except SpecError as error:
            reasons.append(str(error))
    return fitting, reasons
