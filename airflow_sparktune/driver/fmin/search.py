"""The search that a call of `hyperopt.fmin` defines, and what it takes over from earlier calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hyperopt import base
from pyspark.resource import ResourceProfile

from airflow_sparktune.driver.fmin.documents import Documents
from airflow_sparktune.driver.fmin.sampler import Seeds
from airflow_sparktune.driver.samplers.hyperopt_tpe import Suggest
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The search that a script defines: function, space, algorithm and limits.

    `seed` is the script's, else the first that `seeds` has drawn. `documents` observe the trials as they end,
    beginning with those of earlier attempts. `inserted` are trials of other studies that the user inserted.
    """

    spec: Spec
    function: Callable[[Any], Any]
    domain: Any
    suggest: Suggest
    seeds: Seeds
    seed: int
    documents: Documents
    raw_params: bool = False
    points: Sequence[Mapping[str, Any]] = ()
    inserted: Sequence[Trial] = ()
    profile: ResourceProfile | None = None


def call_with_graph(domain: base.Domain, raw: Mapping[str, Any]) -> Any:
    """Call a function marked with `fmin_pass_expr_memo_ctrl`, which evaluates the space itself.

    As with hyperopt's SparkTrials, executors have no Ctrl object.
    """
    return domain.fn(expr=domain.expr, memo=domain.memo_from_config(raw), ctrl=None)


@dataclass(slots=True)
class Earlier:
    """The state that a SparkTrials object keeps of its earlier searches.

    `answers` are complete results by trial number. The first `settled` documents are from studies, `seeds`
    are those of the last search. If `began`, the journal holds trials of this object; if `starts_over`, they
    were deleted since.
    """

    answers: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    settled: int = 0
    seeds: Seeds | None = None
    began: bool = False
    starts_over: bool = False

    def seeds_of(self, generator: np.random.Generator) -> Seeds:
        """Return the seeds of a generator; they go on if it is that of the last search."""
        known = self.seeds
        return known if known is not None and known.generator is generator else Seeds(generator)

    def settle(self, study: Study, search: Search, *, documents: int) -> None:
        """Take in a search that has ended; `documents` is the number of all documents by now."""
        self.began, self.starts_over = True, False
        self.settled, self.seeds = documents, search.seeds
        if search.spec.seed is not None:  # the trials have drawn from it, or would have in a run
            search.seeds.skip(max(study.trials, default=-1) + 1)
