"""The Gaussian process sampler for hyperopt scripts: `fmin(..., algo=airflow_sparktune.gp.suggest)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def suggest(new_ids: Sequence[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
    """Suggest the next trials by a Gaussian process. A suggest function for `hyperopt.fmin`.

    A study with `algo="gp"` uses the same process. A suggestion depends on the history, the running trials
    and the seed only. Raises SpecError for a space with distributions other than those of hyperopt.hp.

    >>> from hyperopt import fmin, hp
    >>> import numpy
    >>> best = fmin(lambda x: (x - 3) ** 2, hp.uniform("x", -10, 10), algo=suggest, max_evals=15,
    ...             rstate=numpy.random.default_rng(7), show_progressbar=False)
    >>> round(best["x"], 1)
    3.0
    """
    # Imported here so that importing this module does not import numpy and scipy.
    from airflow_sparktune.driver.samplers.hyperopt import suggest_by_gp

    return suggest_by_gp(new_ids, domain, trials, seed)
