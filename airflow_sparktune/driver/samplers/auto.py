"""`algo="auto"`, the default: `gp` while it learns from each trial, then the faster `tpe`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_sparktune.driver.samplers.gp.suggest import suggest as gp
from airflow_sparktune.driver.samplers.hyperopt_tpe import Suggest

# With more trials, a suggestion of `gp` learns little more, and costs more than one of `tpe`.
_MOST_OF_GP = 1_000


def auto_suggest(tpe: Suggest) -> Suggest:
    """Return a suggest function that is `gp` up to 1,000 trials, and `tpe` from then on."""

    def suggest(new_ids: Sequence[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
        if len(trials.trials) < _MOST_OF_GP:
            return gp(new_ids, domain, trials, seed)
        documents = tpe(new_ids, domain, trials, seed)
        for document in documents:
            document["misc"]["suggested_by"] = "tpe"
        return documents

    return suggest
