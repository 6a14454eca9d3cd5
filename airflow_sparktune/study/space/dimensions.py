"""The table of a space's dimensions, which readers need to interpret a point."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from airflow_sparktune.study.space.nodes import NUMBERS, Choice, Number, to_json, walk


@dataclass(frozen=True, slots=True)
class Dimension:
    """A row of the table of dimensions. With it a reader interprets a point without importing the space.

    `parent` and `branch` name the choice and the index of its option under which the dimension is active.
    `options` are the names of a choice's options, by index. `low`, `high` and `step` are in natural units.
    `log` asks for a logarithmic axis.
    """

    label: str
    kind: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    options: tuple[str, ...] | None = None
    parent: str | None = None
    branch: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None and value is not False}


def dimensions(tree: Any) -> tuple[Dimension, ...]:
    """Return the dimensions of a space, in the order of the space."""
    return tuple(_dimension(label, node, parent, branch) for label, node, parent, branch in walk(tree))


def _dimension(label: str, node: Number | Choice, parent: str | None, branch: int | None) -> Dimension:
    if isinstance(node, Choice):
        names = tuple(name_of(to_json(option)) for option in node.options)
        return Dimension(label, "choice", options=names, parent=parent, branch=branch)
    given = dict(zip(NUMBERS[node.kind], node.args, strict=True))
    return Dimension(
        label,
        node.kind,
        low=given.get("low"),
        high=given["high"] - 1 if node.kind == "randint" else given.get("high"),
        step=given.get("q"),
        log="log" in node.kind,
        parent=parent,
        branch=branch,
    )


def name_of(option: Any) -> str:
    """Return the display name of an option of a choice.

    >>> name_of("gbtree"), name_of({"C": {"uniform": [0, 1]}})
    ('gbtree', '{"C": {"uniform": [0, 1]}}')
    """
    text = option if isinstance(option, str) else json.dumps(option, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
