"""The incumbent, the warm-start points and the basis of a study's decision.

They are resolved once, at the study's first attempt, and journalled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_sparktune.study.journal import shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Incumbent:
    """The configuration in production, as a study found it.

    `source` is the requested source: champion, previous or given. `params` is None if there was none yet.
    `point` is the sampler's raw form, None if the params do not fit the space; `problem` is then the reason,
    and `dropped` tells whether the incumbent was left out. `entry` is the number of its entry in the record
    of champions, `study` the study that found it.
    """

    source: str
    params: Any = None
    point: Mapping[str, Any] | None = None
    entry: int | None = None
    study: str | None = None
    problem: str | None = None
    dropped: bool = False

    @property
    def runs(self) -> bool:
        """Return whether there is an incumbent to measure on today's data."""
        return self.params is not None and not self.dropped

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Incumbent:
        """Return the incumbent that `to_json` wrote; unknown keys of later versions are ignored."""
        data = shape.require(_INCUMBENT, data, what="an incumbent")
        return cls(**{name: data[name] for name in cls.__slots__ if name in data})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmPoint:
    """A configuration of an earlier study or of a user that runs again on today's data."""

    params: Any
    study: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WarmPoint:
        """Return the point that `to_json` wrote; unknown keys of later versions are ignored."""
        shape.require({"study": shape.optional(shape.text)}, data, what="a warm-start point")
        return cls(params=data["params"], study=data.get("study"))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The state of production and the data on which a study's decision is based, as of its first attempt.

    `champion` is the number of the entry that was in production, None if there was none. `moment` is the time
    of the study's data, in seconds since 1970.
    """

    champion: int | None
    moment: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Basis:
        """Return the basis that `to_json` wrote; unknown keys of later versions are ignored."""
        shape.require(_BASIS, data, what="the basis of a decision")
        return cls(champion=data.get("champion"), moment=data["moment"])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_BASIS: Mapping[str, shape.Fits] = {"champion": shape.optional(shape.whole), "moment": shape.moment}
_INCUMBENT: Mapping[str, shape.Fits] = {
    "source": shape.words,
    "point": shape.optional(shape.group),
    "entry": shape.optional(shape.whole),
    "study": shape.optional(shape.text),
    "problem": shape.optional(shape.words),
}
