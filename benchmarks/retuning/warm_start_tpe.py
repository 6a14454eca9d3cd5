"""What a warm start saves with `tpe`, which also suggests neighbours of the best old configurations."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.retuning import warm_start
from benchmarks.retuning.warm_start import QUESTION as QUESTION
from benchmarks.retuning.warm_start import TARGET as TARGET
from benchmarks.retuning.warm_start import measure as measure

FULL, QUICK, TINY = (
    replace(size, algo="tpe") for size in (warm_start.FULL, warm_start.QUICK, warm_start.TINY)
)
