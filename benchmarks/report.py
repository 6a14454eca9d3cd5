"""The findings of a benchmark, as a table of text and as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

OUT = Path(__file__).parent / "out"

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Findings:
    """The rows of a table, the notes below it, and a function that draws them on matplotlib's axes."""

    columns: Sequence[str]
    rows: Sequence[Row]
    draw: Callable[[Any], None]
    notes: Sequence[str] = ()


def table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a table of aligned columns: text to the left, numbers to the right, a dash for None.

    >>> print(table(["who", "seconds"], [["pool", 9.5], ["sparktune", None]]))
    who        seconds
    pool          9.50
    sparktune        -
    """
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [all(isinstance(row[at], str) for row in rows) for at in range(len(columns))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if is_left else text.rjust(width)
            for text, width, is_left in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in cells
    )


def ratio(ours: float, theirs: float | None) -> float | None:
    """Return ours divided by theirs, or None if theirs was not measured."""
    return ours / theirs if theirs else None


def middle(values: Sequence[float]) -> float:
    """Return the median, which other work on the machine disturbs less than the mean."""
    return median(values)


def over_workers(axes: Any, workers: Sequence[int], *, ylabel: str) -> None:
    """Set logarithmic axes over numbers of workers, with a tick for each."""
    axes.set(xlabel="workers", ylabel=ylabel, xscale="log", yscale="log")
    axes.set_xticks(workers, [str(each) for each in workers])


def trials_to(goal: float, found: Sequence[float]) -> int:
    """Return the number of trials after which the goal was found; one more than all if it never was.

    >>> [trials_to(goal, [3.0, 1.0, 1.0]) for goal in (2.0, 0.5)]
    [2, 4]
    """
    return next((count for count, loss in enumerate(found, 1) if loss <= goal), len(found) + 1)


def panels(axes: Any, count: int, **given: Any) -> Any:
    """Replace the axes by `count` panels side by side, created with the arguments in `given`."""
    figure = axes.figure
    figure.set_size_inches(10, 4.2)
    figure.suptitle(axes.get_title())
    axes.remove()
    found = figure.subplots(1, count, squeeze=False, **given)[0]
    for panel in found:
        panel.spines[["top", "right"]].set_visible(False)
    return found


def picture(name: str, title: str, draw: Callable[[Any], None]) -> Path:
    """Draw the picture out/<name>.png, and return its path."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.png"
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return path


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.2f}" if abs(value) < 100 else f"{value:.1f}"
        case _:
            return str(value)
