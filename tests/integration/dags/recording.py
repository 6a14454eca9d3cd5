"""Records each process that imports this module, first of all."""

from __future__ import annotations

import os
from pathlib import Path

with Path(os.environ["AIRFLOW_HOME"], "imported-by").open("a") as record:
    record.write(Path("/proc/self/cmdline").read_text().replace("\0", " ") + "\n")


def loss(params, shared_data):
    return (params["x"] - shared_data) ** 2


def load():
    return 0.5


def suggest(ids, domain, trials, seed):
    from hyperopt import rand

    return rand.suggest(ids, domain, trials, seed)


def __getattr__(name):
    if name != "SPACE":
        raise AttributeError(name)
    from hyperopt import hp

    return {"x": hp.uniform("x", 0, 1)}
