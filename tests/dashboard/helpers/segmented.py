"""Applications with segments for tests, with journals as a driver writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_sparktune.study import space as spaces
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.segments import Segments, write_segments
from tests.dashboard.helpers.synthetic import SPACE, Writer


def application(address: str, names: Iterable[str], *, max_evals: int = 5, **given: Any) -> Segments:
    """Write an application whose segments all wait."""
    spec = Spec.of(
        objective="churn.train:loss",
        space=spaces.to_json(spaces.parse(SPACE)),
        max_evals=max_evals,
        **given,
    )
    segments = Segments.of(spec, [{"name": name, "objective_kwargs": {"region": name}} for name in names])
    write_segments(address, segments)
    return segments


def segment(
    address: str,
    name: str,
    *,
    trials: int = 5,
    max_evals: int = 5,
    close: str | None = "max_evals",
    retuning: Any = None,
    begun_s: float = 0.0,
    seed: int | None = None,
    **facts: Any,
) -> Writer:
    """Write the study of a segment of an application; `facts` are those of its end."""
    writer = Writer(address_of(address, name), seed=sum(name.encode()) if seed is None else seed)
    writer.now += begun_s
    kwargs = {"objective_kwargs": {"region": name}, **({"retuning": retuning} if retuning else {})}
    writer.open(max_evals=max_evals, segment=name, **kwargs)
    writer.run(trials)
    if close is not None:
        writer.close(close, **facts)
    return writer
