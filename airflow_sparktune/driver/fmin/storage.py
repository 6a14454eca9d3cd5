"""Where the journal of a script's study lies: as an argument, Spark's conf or the environment says."""

from __future__ import annotations

import os
from collections import Counter

from pyspark import SparkContext

from airflow_sparktune.study.storage import MemoryStorage, Storage, open_storage

STUDY_CONF, STUDY_VARIABLE = "spark.sparktune.study", "SPARKTUNE_STUDY"

# How many studies of this process have taken the address that the conf or the environment names.
_taken: Counter[str] = Counter()


def storage_of(study: str | os.PathLike[str] | None, context: SparkContext) -> Storage:
    """The storage at the address `study`, or else at the one that was named for the whole script."""
    if study is not None:
        return open_storage(os.fspath(study))
    named = context.getConf().get(STUDY_CONF) or os.environ.get(STUDY_VARIABLE)
    if not named:
        return MemoryStorage()
    _taken[named] += 1
    # Two searches of one script are two studies; in the order of the script, they meet theirs again.
    return open_storage(named if _taken[named] == 1 else f"{named}/fmin-{_taken[named]}")
