"""The applications of a task with twenty segments, over some months, for pictures of the pages."""

from __future__ import annotations

import random
from collections.abc import Callable

from airflow_sparktune.study.segments import Segments
from tests.dashboard.helpers.segmented import application, segment

NAMES = (
    "Austria", "Belgium", "Bulgaria", "Croatia", "Czechia", "Denmark", "Estonia", "Finland", "France",
    "Germany", "Greece", "Hungary", "Ireland", "Italy", "Latvia", "Poland", "Portugal", "Romania", "Spain",
    "Sweden",
)  # fmt: skip
MONTHS = 6
MONTH_S = 30 * 86_400.0
EVALS = 24
FAILED = {"type": "ValueError", "message": "no rows for this region", "retryable": False}


def write_segments(address: Callable[..., str]) -> Segments:
    """Write them; the newest application runs. `address(run, task)` is that of one."""
    for month in range(1, MONTHS + 1):
        last = month == MONTHS
        place = address(f"scheduled__2026-0{month}-01", "by_region")
        segments = application(place, NAMES, max_evals=EVALS, retuning={"incumbent": "champion"})
        for index, name in enumerate(NAMES[: 17 if last else None]):
            luck = random.Random(f"{month} {name}")
            began_s = 0.0 if last else (month - MONTHS) * MONTH_S
            if last and name == "Croatia":
                segment(place, name, trials=7, max_evals=EVALS, close="error", error=FAILED)
            elif last and index > 12:
                segment(place, name, trials=4 + luck.randint(0, 15), max_evals=EVALS, close=None)
            else:
                decided(place, name, luck, first=month == 1, began_s=began_s)
    return segments


def decided(place: str, name: str, luck: random.Random, *, first: bool, began_s: float) -> None:
    """Write the study of a segment that has compared its best configuration with production."""
    writer = segment(
        place, name, trials=EVALS, max_evals=EVALS, close=None, begun_s=began_s, seed=luck.randrange(1000)
    )
    difference, error = luck.uniform(-0.01, 0.02), luck.uniform(0.002, 0.004)
    kind = "first" if first else "replaced" if difference > 2 * error else "kept"
    loss = round(luck.uniform(0.18, 0.32), 4)
    params = {"lr": 0.02, "depth": luck.randint(3, 9), "booster": "dart"}
    won = {
        "number": 3,
        "params": params,
        "n": 5,
        "mean": loss,
        "std_error": error,
        "standing": "not_better" if kind == "kept" else "won",
        **({} if first else {"pairs": 5, "difference": difference, "difference_error": error}),
    }
    incumbent = {"number": 0, "params": params, "n": 5, "mean": loss + difference, "std_error": error}
    reason = f"trial 3 is better by {difference:.3f} ± {error:.3f}"
    decision = {
        "decision": kind,
        "reason": "there was no champion"
        if first
        else reason + (", within the noise" if kind == "kept" else ""),
        "params": params,
        "number": 0 if kind == "kept" else 3,
        "confirmation": {"incumbent": None if first else incumbent, "candidates": [won], "noise": True},
    }
    writer.write(event="decided", decision=decision)
    writer.close()
