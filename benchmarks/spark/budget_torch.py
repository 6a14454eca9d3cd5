"""Measures the best PyTorch network that more workers find within the same time."""

from __future__ import annotations

from benchmarks.spark.budget import Size
from benchmarks.spark.budget import measure as measure
from benchmarks.spark.network import NEEDS as NEEDS
from benchmarks.spark.network import NETWORK

QUESTION = "What network do more workers find within the same time?"
TARGET = "a trend that falls until each core has a worker"

FULL = Size(timeout=5.0, workers=(1, 2, 3, 4), repeats=9, trial=NETWORK)
TINY = Size(timeout=4.0, workers=(1, 2), repeats=1, trial=NETWORK)
