"""What a warm start saves with `tpe`, which also suggests neighbours of the best old configurations."""

from __future__ import annotations

from benchmarks.retuning.drift import DRIFTS
from benchmarks.retuning.warm_start import QUESTION as QUESTION
from benchmarks.retuning.warm_start import TARGET as TARGET
from benchmarks.retuning.warm_start import Size
from benchmarks.retuning.warm_start import measure as measure

FULL = Size(tuple(DRIFTS), seeds=20, trials=100, algo="tpe")
QUICK = Size(("near", "opposite"), seeds=5, trials=100, algo="tpe")
TINY = Size(("near",), seeds=1, trials=12, algo="tpe")
