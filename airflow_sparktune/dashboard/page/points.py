"""Readable names for the parameters of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.json_values import flat
from airflow_sparktune.study.listing.row import Setup
from airflow_sparktune.study.space import parse
from airflow_sparktune.study.space.naming import Name, names
from airflow_sparktune.study.study import Study


def named_dimensions(study: Study, mask: Mask) -> list[dict[str, Any]]:
    """Return the study's dimensions with a readable `path` each, and readable options for choices.

    The names come from the masked space, because an option's name may be a secret.
    """
    return dimensions_of(Setup.of(study), mask)


def dimensions_of(setup: Setup, mask: Mask) -> list[dict[str, Any]]:
    """Return the dimensions of the studies with this setup, as `named_dimensions` does."""
    known = _names(setup, mask)
    return [_named(dimension, known.get(str(dimension["label"])), mask) for dimension in setup.dimensions]


def named_point(point: Mapping[str, Any], dimensions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of the active parameters by readable name; for a choice, the name of its option."""
    found = {}
    for dimension in dimensions:
        raw = point.get(str(dimension["label"]))
        if raw is not None:
            found[str(dimension["path"])] = option_name(raw, dimension.get("options"))
    return found


def best_by_name(
    point: Mapping[str, Any] | None, params: Any, dimensions: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the best params by readable name; by path if no trial of the study ran them (no `point`)."""
    return named_point(point or {}, dimensions) or dict(flat(params or {}))


def _names(setup: Setup, mask: Mask) -> dict[str, Name]:
    try:
        return names(parse(mask(setup.space))) if setup.space is not None else {}
    except SpecError:  # the masked space may be invalid; then the dimensions' labels are used
        return {}


def _named(dimension: Mapping[str, Any], name: Name | None, mask: Mask) -> dict[str, Any]:
    label = str(dimension["label"])
    options = dimension.get("options")
    if options is None:
        return {**dimension, "path": name.path if name else label}
    masked = mask(list(options), label)
    if name and name.options and len(name.options) == len(options) and masked == list(options):
        masked = list(name.options)
    return {**dimension, "path": name.path if name else label, "options": masked}


def option_name(raw: Any, options: Any) -> Any:
    """Return the name of a choice's option; for another parameter, its value."""
    if not isinstance(options, (list, tuple)):
        return raw if options is None else options
    return options[int(raw)] if 0 <= raw < len(options) else raw
