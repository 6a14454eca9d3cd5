"""The incumbent, the warm-start points and the basis of a study's decision.

They are resolved once, at the study's first attempt, and journalled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Incumbent(JsonObject):
    """The configuration in production, as a study found it.

    `source` is the requested source: champion, previous or given. `params` is None if there was none yet.
    `point` is the sampler's raw form, None if the params do not fit the space; `problem` is then the reason,
    and `dropped` tells whether the incumbent was left out. `entry` is the number of its entry in the record
    of champions, `study` the study that found it.
    """

    WHAT: ClassVar[str] = "an incumbent"

    source: str = stored(shape.words)
    params: Any = stored(shape.anything, default=None)
    point: Mapping[str, Any] | None = stored(shape.group, default=None)
    entry: int | None = stored(shape.whole, default=None)
    study: str | None = stored(shape.text, default=None)
    problem: str | None = stored(shape.words, default=None)
    dropped: bool = stored(shape.truth, default=False)

    @property
    def runs(self) -> bool:
        """Return whether there is an incumbent to measure on today's data."""
        return self.params is not None and not self.dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmPoint(JsonObject):
    """A configuration of an earlier study or of a user that runs again on today's data."""

    WHAT: ClassVar[str] = "a warm-start point"

    params: Any = stored(shape.anything)
    study: str | None = stored(shape.text, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis(JsonObject):
    """The state of production and the data on which a study's decision is based, as of its first attempt.

    `champion` is the number of the entry that was in production, None if there was none. `moment` is the time
    of the study's data, in seconds since 1970.
    """

    WHAT: ClassVar[str] = "the basis of a decision"

    champion: int | None = stored(shape.whole, default=None)
    moment: float = stored(shape.moment)
