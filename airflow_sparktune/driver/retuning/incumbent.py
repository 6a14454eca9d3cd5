"""Find the configuration in production, and check whether it fits the space."""

from __future__ import annotations

import logging
from dataclasses import replace

from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Entry
from airflow_sparktune.study.retuning.starts import Incumbent

log = logging.getLogger(__name__)


def resolve_incumbent(
    spec: Spec,
    champions: Champions | None,
    sampler: Sampler,
    *,
    champion: Entry | None,
    study: str | None,
) -> Incumbent:
    """Return the incumbent that a spec asks for; the study keeps it from now on.

    `champion` is the current one in `champions`, and `study` this study's own address. Raises SpecError if
    the incumbent does not fit the space and `on_mismatch` is `fail`, RecordError if the record of
    champions cannot be read.
    """
    found = _find(spec, champions, champion, study)
    if found.params is None:
        log.info("no incumbent: the record of champions is empty, so this study finds the first")
        return found
    try:
        suggestion = sampler.given(found.params)
    except SpecError as error:
        return _misfit(spec, found, str(error))
    return replace(found, params=suggestion.params, point=suggestion.point)


def _find(spec: Spec, champions: Champions | None, champion: Entry | None, study: str | None) -> Incumbent:
    match spec.retuning.incumbent:
        case "champion" | "previous" as source:
            if champions is None:
                raise SpecError(
                    f"incumbent {source!r} needs a record of champions, but a study in memory has none; give "
                    "the study a folder"
                )
            last = champions.previous(but=study) if source == "previous" else []
            entry = champion if source == "champion" else next(iter(last), None)
            if entry is None:
                return Incumbent(source=source)
            return Incumbent(
                source=source, params=entry.params, point=entry.point, entry=entry.number, study=entry.study
            )
        case params:
            return Incumbent(source="given", params=params)


def _misfit(spec: Spec, found: Incumbent, problem: str) -> Incumbent:
    if spec.retuning.on_mismatch == "fail":
        raise SpecError(
            f"the incumbent must fit the space, but {problem}; widen the space, or set retuning.on_mismatch "
            "to 'evaluate' or 'drop'"
        )
    dropped = spec.retuning.on_mismatch == "drop"
    log.warning(
        "the incumbent does not fit the space (%s): %s",
        problem,
        "dropped, the best candidate replaces it" if dropped else "evaluated as it is",
    )
    return replace(found, point=None, problem=problem, dropped=dropped)
