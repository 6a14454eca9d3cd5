"""hyperopt's TPE with a memory: the same suggestions, without preparing the whole history for each of them.

`tpe.suggest` builds its inference graph again for each suggestion, and copies and splits every trial of the
history by loops in Python. The graph depends on the space alone, and of the history one trial changes at a
time. Here both are kept, and the split is handed to the graph as a value. The likelihoods under a mixture,
most of what is left, are computed by `mixtures`; all else that the graph computes is hyperopt's own.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from hyperopt import pyll, tpe
from hyperopt.base import miscs_update_idxs_vals

from airflow_sparktune.driver.samplers.mixtures import gmm1_lpdf, lgmm1_lpdf

Suggest = Callable[..., list[dict[str, Any]]]
Document = Mapping[str, Any]
Split = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]

_LIKELIHOODS = {"GMM1_lpdf": gmm1_lpdf, "LGMM1_lpdf": lgmm1_lpdf}
_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(tpe.suggest).parameters.items()
    if parameter.default is not parameter.empty
}


def remembering(suggest: Suggest) -> Suggest:
    """Return `suggest` with a memory if it is hyperopt's TPE, with any settings; another as it is.

    The memory takes a document of the history for unchanged as long as it is the same object.
    """
    if suggest is tpe.suggest:
        return RememberingTpe({})
    if isinstance(suggest, partial) and suggest.func is tpe.suggest and not suggest.args:
        return RememberingTpe(suggest.keywords)
    return suggest


class RememberingTpe:
    """`tpe.suggest` with these settings, for one domain and one history that grows."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._plain = partial(tpe.suggest, **settings)
        self._settings = {**_DEFAULTS, **settings}
        self._graph: _Graph | None = None
        self._columns = _Columns()

    def __call__(self, new_ids: Sequence[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
        """Return the document of the next trial, as hyperopt would suggest it."""
        at_least = max(1, self._settings["n_startup_jobs"])
        if not self._columns.follow(trials.trials) or len(trials.trials) < at_least:
            plain: list[dict[str, Any]] = self._plain(new_ids, domain, trials, seed)
            return plain
        if self._graph is None or self._graph.domain is not domain:
            self._graph = _Graph(domain, self._settings["prior_weight"], self._settings["gamma"])
        candidates = range(self._settings["n_EI_candidates"])
        split = self._columns.split(self._settings["gamma"])
        idxs, vals = self._graph.evaluate(candidates, split, seed)
        misc = {"tid": new_ids[0], "cmd": domain.cmd, "workdir": domain.workdir}
        renamed = {candidates[0]: new_ids[0]}
        miscs_update_idxs_vals([misc], idxs, vals, idxs_map=renamed, assert_all_vals_used=False)
        docs: list[dict[str, Any]] = trials.new_trial_docs(
            [new_ids[0]], [None], [domain.new_result()], [misc]
        )
        return docs


class _Graph:
    """The posterior of a space: hyperopt's graph, and its nodes that split the observations of a label."""

    def __init__(self, domain: Any, prior_weight: float, gamma: float) -> None:
        self.domain = domain
        observed, _, posterior = tpe.build_posterior_wrapper(domain, prior_weight, gamma)
        self._posterior = pyll.as_apply(posterior)
        nodes = pyll.dfs(self._posterior)
        self._splits = {
            node: node.pos_args[0].pos_args[1].obj  # observed["idxs"][label]
            for node in nodes
            if node.name == "ap_split_trials"
        }
        for node in nodes:
            if node.name in _LIKELIHOODS:
                _call(_LIKELIHOODS[node.name], node)
        # The label's graph asks for these; with the splits given, nothing reads them.
        self._unread: dict[Any, Any] = {observed["idxs"]: {}, observed["vals"]: {}}

    def evaluate(self, candidates: Sequence[int], split: Callable[[str], Split], seed: int) -> Any:
        """hyperopt's idxs and vals by label: those of the best candidate under every candidate's number."""
        given = {
            self.domain.s_new_ids: list(candidates),
            self.domain.s_rng: np.random.default_rng(seed),
            **self._unread,
            **{node: split(label) for node, label in self._splits.items()},
        }
        idxs, vals = pyll.rec_eval(self._posterior, memo=given, print_node_on_error=False)
        for label, node in self.domain.params.items():
            if node.name == "randint" and len(node.pos_args) == 2:  # drawn from 0 on
                vals[label] = [value + node.pos_args[0].obj for value in vals[label]]
        return idxs, vals


def _call(function: Callable[..., Any], node: Any) -> None:
    """Let a node of a graph call this function with the arguments that it has."""
    arguments = [pyll.Literal(function), tuple(node.pos_args), dict(node.named_args)]
    node.name, node.pos_args, node.named_args = "call", [pyll.as_apply(item) for item in arguments], []


class _Columns:
    """The documents of a history as columns, kept in step with it."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._docs: list[Document] = []
        self._losses: list[float] = []
        self._rows: dict[str, list[int]] = {}
        self._vals: dict[str, list[Any]] = {}
        self._in_order = True

    def follow(self, docs: Sequence[Document]) -> bool:
        """Take in what has changed; False for a history that has to be sorted first."""
        if len(docs) < len(self._docs):
            self._forget()
        for row, (known, doc) in enumerate(zip(self._docs, docs, strict=False)):
            if known is doc:
                continue
            if known["tid"] != doc["tid"] or known["misc"]["vals"] != doc["misc"]["vals"]:
                self._forget()
                break
            self._docs[row], self._losses[row] = doc, _loss(doc)
        for doc in docs[len(self._docs) :]:
            self._append(doc)
        return self._in_order

    def split(self, gamma: float) -> Callable[[str], Split]:
        """Gives the values of a label in the good trials and in the others, as `tpe.ap_split_trials` does."""
        losses = np.asarray(self._losses)
        count = min(math.ceil(gamma * math.sqrt(len(losses))), tpe.DEFAULT_LF)
        good = np.zeros(len(losses), bool)
        good[np.argsort(losses)[:count]] = True

        def of(label: str) -> Split:
            values, chosen = np.asarray(self._vals[label]), good[self._rows[label]]
            # Where there is none, hyperopt has an empty list, without the type of the others.
            below, above = values[chosen], values[~chosen]
            return (below if len(below) else np.asarray([])), (above if len(above) else np.asarray([]))

        return of

    def _append(self, doc: Document) -> None:
        if self._docs and doc["tid"] <= self._docs[-1]["tid"]:
            self._in_order = False
        for label, values in doc["misc"]["vals"].items():
            self._rows.setdefault(label, []).extend(len(self._docs) for _ in values)
            self._vals.setdefault(label, []).extend(values)
        self._docs.append(doc)
        self._losses.append(_loss(doc))


def _loss(doc: Document) -> float:
    """Return the loss to sort a trial by: infinity if it has none."""
    loss = doc["result"].get("loss")
    return math.inf if loss is None else float(loss)
