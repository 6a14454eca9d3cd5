"""The segments of an application: each is a study of its own, and all share one Spark application."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_sparktune.errors import NoSuccess, PlatformError, SpecError
from airflow_sparktune.study.definition import Spec, checks
from airflow_sparktune.study.definition.combinations import check_combinations
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import MOST_BYTES
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.json_values import shown
from airflow_sparktune.study.segments.segment import Segment, parse_segments

if TYPE_CHECKING:
    from airflow_sparktune.study.study import Study

SCHEMA = 1
PER_SEGMENT = checks.whole(1, "leave it unset to bound the application only")
ON_FAILED = checks.one_of("fail", "skip")


@dataclass(frozen=True, kw_only=True)
class Segments(JsonObject):
    """The segments of an application, in the order as given, and the spec that they have in common.

    The spec's `parallelism`, `timeout` and `limits.budget_slot_hours` are the application's.

    >>> spec = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=9, parallelism=8)
    >>> both = Segments.of(spec, {"north": {"region": 1}, "south": {"region": 2}})
    >>> [(each.segment, each.objective_kwargs, each.parallelism) for each in both.specs()]
    [('north', {'region': 1}, None), ('south', {'region': 2}, None)]
    """

    WHAT: ClassVar[str] = "the segments of an application"

    schema: int = stored(lambda value: value == SCHEMA, default=SCHEMA, required=True)
    spec: Spec = stored(Spec)
    segments: tuple[Segment, ...] = stored(Segment, many=True)
    parallelism_per_segment: int | None = stored(shape.whole, default=None)
    on_failed_segments: str = stored(shape.text, default="fail")

    @classmethod
    def of(
        cls, spec: Spec, given: Any, *, parallelism_per_segment: Any = None, on_failed_segments: Any = None
    ) -> Segments:
        """Return checked segments from values as a person writes them; raises SpecError.

        `given` is a list of segments, or an object of `objective_kwargs` by name.
        """
        if spec.segment is not None:
            raise SpecError(
                f"segment must be left unset with segments, got {shown(spec.segment)}; each has its own name"
            )
        found = cls(
            spec=spec,
            segments=parse_segments("segments", given),
            parallelism_per_segment=None
            if parallelism_per_segment is None
            else PER_SEGMENT("parallelism_per_segment", parallelism_per_segment),
            on_failed_segments="fail"
            if on_failed_segments is None
            else ON_FAILED("on_failed_segments", on_failed_segments),
        )
        found._check()
        return found

    def spec_of(self, segment: Segment) -> Spec:
        """Return the spec of a segment's study, without a share of the application's time and slot-hours."""
        own = {"budget_slot_hours": None, **segment.limits}
        return replace(
            self.spec,
            segment=segment.name,
            objective_kwargs={**self.spec.objective_kwargs, **segment.objective_kwargs},
            max_evals=segment.max_evals or self.spec.max_evals,
            timeout=segment.timeout,
            parallelism=self.parallelism_per_segment,
            limits=replace(self.spec.limits, **own),
        )

    def specs(self) -> Iterator[Spec]:
        """Yield the specs of the segments' studies, in order."""
        return map(self.spec_of, self.segments)

    def left(self, segment: Segment, study: Study) -> bool:
        """Return whether a driver has to run a segment whose journal holds `study`: it has no verdict.

        A result stands unless a limit was raised, a lasting error unless the identity has changed. An error
        of the platform is the application's, and none of the segment; so is the lack of time for a trial.
        """
        spec = self.spec_of(segment)
        if study.spec is None or study.spec.changed_identity(spec):
            return True
        if study.closed is not None and (error := study.closed.error) is not None:
            had_no_time = error.get("type") == NoSuccess.__name__ and not study.trials
            return had_no_time or error.get("type") == PlatformError.__name__ or not study.has_verdict
        # Without limits of its own, the segment had a share of the application's.
        hours = study.spec.limits.budget_slot_hours
        limits = replace(spec.limits, **{"budget_slot_hours": hours, **segment.limits})
        return not study.answers(replace(spec, timeout=segment.timeout or study.spec.timeout, limits=limits))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of the segments, in order."""
        return tuple(segment.name for segment in self.segments)

    @property
    def encoded(self) -> bytes:
        """Return the content of `segments.json`."""
        return json.dumps(self.to_json()).encode()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of `segments.json`, in hexadecimal."""
        return hashlib.sha256(self.encoded).hexdigest()

    def _check(self) -> None:
        """Raise SpecError if segments contradict each other or the common spec."""
        for segment, spec in zip(self.segments, self.specs(), strict=True):
            try:
                check_combinations(spec)
            except SpecError as error:
                raise SpecError(f"segment {shown(segment.name)}: {error}") from None
        if (size := len(self.encoded)) > MOST_BYTES:
            raise SpecError(
                f"segments must have at most {MOST_BYTES} bytes as JSON, got {size}; pass paths, and read "
                "the data inside the objective"
            )


def segments_given(spec: Spec, segments: Any, **shared: Any) -> Segments | None:
    """Return the segments that a person's arguments name, None for a single study; raises SpecError.

    `spec` is what the segments have in common, `shared` are the other arguments of `Segments.of`.
    """
    if segments is not None:
        return Segments.of(spec, segments, **shared)
    for name, value in shared.items():
        if value is not None:
            raise SpecError(f"{name} must go with segments, got {shown(value)} without any; remove it")
    return None
