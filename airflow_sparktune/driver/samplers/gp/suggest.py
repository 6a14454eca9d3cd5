"""The Gaussian process as a hyperopt suggest function, for `fmin`, SparkTrials and studies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import hyperopt
import numpy as np

from airflow_sparktune.driver.samplers.base import Recommendation
from airflow_sparktune.driver.samplers.gp import start
from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace, encoded_space
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions

if TYPE_CHECKING:
    from airflow_sparktune.driver.samplers.gp.proposal import Proposer

# Losses are clipped to this size, so that their differences stay finite.
_HUGE = 1e150
_MODEL = "airflow_sparktune.driver.samplers.gp.proposal"
_PENDING = (hyperopt.JOB_STATE_NEW, hyperopt.JOB_STATE_RUNNING)


def suggest(new_ids: Sequence[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
    """Suggest the next trials by a Gaussian process, based only on the history and the seed.

    Raises SpecError for a space with distributions other than those of hyperopt.hp.
    """
    search = _search_in(domain)
    documents = []
    asked: list[Array] = []
    for at, number in enumerate(new_ids):
        row, vals, how = search.suggest(trials.trials, asked, seed=[seed, at] if at else seed)
        asked.append(row)
        misc = {
            "tid": number,
            "cmd": domain.cmd,
            "workdir": domain.workdir,
            "idxs": {label: [number] * len(values) for label, values in vals.items()},
            "vals": {label: list(values) for label, values in vals.items()},
            "suggested_by": how,
        }
        documents += trials.new_trial_docs([number], [None], [domain.new_result()], [misc])
    return documents


def recommend(domain: Any, trials: Any) -> Recommendation | None:
    """Return the trial with the lowest expected loss, or None where repeats showed no noise that matters."""
    return _search_in(domain).recommend(trials.trials)


class _Search:
    """A space with its caches, which do not affect suggestions."""

    def __init__(self, space: EncodedSpace) -> None:
        self._space = space
        self._wanted = start.wanted(space)
        self._rows: dict[int, tuple[Any, Array]] = {}
        self._proposer: Proposer | None = None
        self._loading: Thread | None = None

    def suggest(
        self, documents: Sequence[Mapping[str, Any]], asked: Sequence[Array], *, seed: Any
    ) -> tuple[Array, Mapping[str, list[Any]], str]:
        """Return the next row, its raw values by label (empty for inactive labels), and its method."""
        rng = np.random.default_rng(seed)
        pending = [document for document in documents if document["state"] in _PENDING]
        pending.sort(key=lambda document: document["tid"])
        running = np.concatenate([self._encoded(pending), *(row[None] for row in asked)])
        ended = _ended(documents)
        history = self._history(ended, running)
        if history.finite:
            self._load_model()
        if history.finite < self._wanted or not history.informs:
            known = np.concatenate([history.rows, history.pending])
            row = start.spread(self._space, known, rng)
            return row, self._values(row), "gp: start"
        proposer = self._loaded_proposer()
        again = proposer.repeated(history)
        if again is not None:
            # Decoding the row could change the values: by a rounding error, or by more beyond the bounds.
            return history.rows[again], ended[again]["misc"]["vals"], "gp: repeat"
        row, how = proposer.propose(history, rng)
        return row, self._values(row), how

    def recommend(self, documents: Sequence[Mapping[str, Any]]) -> Recommendation | None:
        """Return the trial with the lowest expected loss if there is noise."""
        ended = _ended(documents)
        history = self._history(ended, self._encoded([]))
        if not history.noisy:
            return None
        at, loss = self._loaded_proposer().lowest_expected(history)
        return Recommendation(number=ended[at]["tid"], loss=loss, noise=history.noise.deviation)

    def _history(self, ended: Sequence[Mapping[str, Any]], running: Array) -> History:
        losses = np.array([_loss(document) for document in ended], dtype=float)
        return History(self._encoded(ended), losses, running)

    def _loaded_proposer(self) -> Proposer:
        """Return the proposer, which imports the model and scipy's optimizers."""
        if self._proposer is None:
            from airflow_sparktune.driver.samplers.gp.proposal import Proposer

            self._proposer = Proposer(self._space)
        return self._proposer

    def _load_model(self) -> None:
        """Start to import the model and scipy's optimizers in a thread.

        The import takes place while the first trials run, so that neither the start nor a suggestion waits.
        """
        if self._loading is None:
            self._loading = Thread(target=import_module, args=[_MODEL], daemon=True)
            self._loading.start()

    def _values(self, row: Array) -> dict[str, list[Any]]:
        point = self._space.decode(row)
        return {
            item.label: [point[item.label]] if item.label in point else [] for item in self._space.parameters
        }

    def _encoded(self, documents: Sequence[Mapping[str, Any]]) -> Array:
        found = np.empty((len(documents), self._space.size))
        for at, document in enumerate(documents):
            vals = document["misc"]["vals"]
            known = self._rows.get(document["tid"])
            if known is None or known[0] is not vals:
                point = {label: values[0] for label, values in vals.items() if len(values)}
                known = self._rows[document["tid"]] = (vals, self._space.encode(point))
            found[at] = known[1]
        return found


def _search_in(domain: Any) -> _Search:
    """Return the search with its caches for a domain."""
    search = _SEARCHES.get(domain)
    if search is None:
        search = _SEARCHES[domain] = _Search(encoded_space(read_dimensions(domain.expr)))
    return search


def _ended(documents: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the ended trials in the order in which they ended.

    The results of a fit therefore do not depend on the trials that are still running.
    """
    return sorted((document for document in documents if document["state"] not in _PENDING), key=_end)


def _end(document: Mapping[str, Any]) -> tuple[bool, Any, int]:
    """Return a sort key for the time at which a trial ended."""
    moment = document["refresh_time"]
    return moment is not None, moment, document["tid"]


def _loss(document: Mapping[str, Any]) -> float:
    """Return the loss of an ended trial, or nan without one."""
    if document["state"] != hyperopt.JOB_STATE_DONE or document["result"].get("status") != hyperopt.STATUS_OK:
        return math.nan
    loss = document["result"].get("loss")
    if loss is None or not math.isfinite(loss):
        return math.nan
    return min(max(float(loss), -_HUGE), _HUGE)


_SEARCHES: WeakKeyDictionary[Any, _Search] = WeakKeyDictionary()
