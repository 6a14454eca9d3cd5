"""The points of earlier studies with which a search starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.field import declared
from airflow_sparktune.study.definition.group import Group
from airflow_sparktune.study.definition.retuning import PREVIOUS
from airflow_sparktune.study.json_values import scalar, shown


def _points(name: str, value: Any) -> str | int | list[dict[str, Any]]:
    """Require earlier studies or params as starting points of the search."""
    checks.not_quoted(name, value)
    value = scalar(value)
    match value:
        case str() if value.isdecimal():
            return _studies(name, value)
        case str() if value == PREVIOUS or "/" in value:
            return value
        case int() if not isinstance(value, bool):
            return _studies(name, value)
        case Sequence() if not isinstance(value, str):
            return checks.points(name, value)
    raise SpecError(
        f"{name} must be 'previous', a number of earlier studies, a study's address or a list of params, "
        f"got {shown(value)}"
    )


_studies = checks.whole(1, "it is the number of earlier studies that give points")


@dataclass(frozen=True, kw_only=True)
class WarmStart(Group):
    """Points that run first, on today's data.

    >>> WarmStart.parse("warm_start", "previous")
    WarmStart(points='previous', share=0.25)
    """

    short_for: ClassVar[str] = "points"

    points: str | int | Sequence[Mapping[str, Any]] | None = declared(
        _points,
        takes="previous, count, address or list",
        doc="Points to start the search with, best first: those of the `previous` study of this task and "
        "segment, of a number of its last studies, of the study at an address, or a list of params. They "
        "run again on today's data. "
        '`warm_start="previous"` is short for this key.',
        default=None,
        example="previous",
        script=True,
        flat="warm_start",
    )
    share: float = declared(
        checks.bounded(
            "be a share above 0 and at most 1",
            lambda found: 0 < found <= 1,
            "leave warm_start unset to start without points",
        ),
        takes="share",
        doc="The largest share of `max_evals` that these points take.",
        default=0.25,
        script=True,
        flat="warm_start_share",
    )
