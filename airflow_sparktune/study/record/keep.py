"""The user's rule for the studies of a task to keep: a number of studies, or an age."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_sparktune.errors import SpecError

_AGE = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)\s*(?P<unit>[hdw])")
_UNITS_S = {"h": 3_600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Keep:
    """The studies to keep: the `newest` ones of a task, or those younger than `age_s` seconds.

    >>> Keep.of("keep_studies", 20), Keep.of("keep_studies", "30d")
    (Keep(newest=20, age_s=None), Keep(newest=None, age_s=2592000.0))
    """

    newest: int | None = None
    age_s: float | None = None

    @classmethod
    def of(cls, name: str, value: Any) -> Keep:
        """Return the rule that a user wrote; raises SpecError unless it is a number or an age."""
        if isinstance(value, timedelta) and value > timedelta():
            return cls(age_s=value.total_seconds())
        text = str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if text.isdecimal() and int(text) > 0:
            return cls(newest=int(text))
        age = _AGE.fullmatch(text)
        if age is not None and float(age["number"]) > 0:
            return cls(age_s=float(age["number"]) * _UNITS_S[age["unit"]])
        raise SpecError(
            f"{name} must be a number of studies, or an age in hours, days or weeks (12h, 30d, 8w, a "
            f"timedelta), got {value!r}"
        )
