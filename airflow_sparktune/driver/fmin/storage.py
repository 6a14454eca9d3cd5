"""Find the journal of a script's study: by an argument, Spark's conf or the environment."""

from __future__ import annotations

import os
from collections import Counter

from pyspark import SparkContext

from airflow_sparktune.study.storage import MemoryStorage, Storage, open_storage

STUDY_CONF, STUDY_VARIABLE = "spark.sparktune.study", "SPARKTUNE_STUDY"

# How many studies of this process have taken the address that the conf or the environment names.
_taken: Counter[str] = Counter()


def storage_of(study: str | os.PathLike[str] | None, context: SparkContext) -> tuple[Storage, str | None]:
    """Return the storage at the address `study`, or at the one named for the whole script, and that address.

    Without any, the study lives in memory, and has no address.
    """
    if study is not None:
        address = os.fspath(study)
        return open_storage(address), address
    named = context.getConf().get(STUDY_CONF) or os.environ.get(STUDY_VARIABLE)
    if not named:
        return MemoryStorage(), None
    _taken[named] += 1
    # Two searches of one script are two studies; in the order of the script, they meet theirs again.
    address = named if _taken[named] == 1 else f"{named}/fmin-{_taken[named]}"
    return open_storage(address), address
