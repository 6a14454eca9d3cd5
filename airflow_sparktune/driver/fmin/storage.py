"""Find the journal of a script's study by argument, Spark conf or environment variable."""

from __future__ import annotations

import os
from collections import Counter

from pyspark import SparkContext

from airflow_sparktune.study.storage import MemoryStorage, Storage, open_storage

STUDY_CONF, STUDY_VARIABLE = "spark.sparktune.study", "SPARKTUNE_STUDY"

# How many studies of this process use the address from the conf or the environment.
_taken: Counter[str] = Counter()


def storage_of(study: str | os.PathLike[str] | None, context: SparkContext) -> tuple[Storage, str | None]:
    """Return the storage and address of a study: at `study`, else at the address set for the whole script.

    Without an address, the study is kept in memory and the returned address is None.
    """
    if study is not None:
        address = os.fspath(study)
        return open_storage(address), address
    named = context.getConf().get(STUDY_CONF) or os.environ.get(STUDY_VARIABLE)
    if not named:
        return MemoryStorage(), None
    _taken[named] += 1
    # Each search of a script is its own study. The order of the searches assigns them in the next run.
    address = named if _taken[named] == 1 else f"{named}/fmin-{_taken[named]}"
    return open_storage(address), address
