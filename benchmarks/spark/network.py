"""The real workload: the PyTorch network on handwritten digits that dags/retune_torch.py tunes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What a benchmark with this workload needs beside what `make install` brings.
NEEDS = "torch"

NETWORK: Mapping[str, Any] = {
    "objective": "dags.torch_digits:validation_loss",
    "objective_kwargs": {},
    "execution": {"shared_data": "dags.torch_digits:splits"},
    "space": {
        "batch_size": {"choice": [16, 32, 64, 128, 256]},
        "learning_rate": {"loguniform": [1e-3, 1.0]},
        "momentum": {"uniform": [0.0, 0.99]},
    },
}
