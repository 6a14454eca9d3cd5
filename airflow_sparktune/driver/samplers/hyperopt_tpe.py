"""hyperopt's TPE with a cache: the same suggestions, without processing the whole history for each.

For each suggestion, `tpe.suggest` rebuilds its inference graph, and copies and splits all trials of the
history in Python loops. But the graph depends only on the space, and few trials change between suggestions.
This module caches both, and passes the split to the graph as a value. `mixtures` computes the likelihoods
under a mixture, which take most of the remaining time. hyperopt computes everything else.

With a gamma for branches, suggestions in a conditional space differ from hyperopt's: see `split_by_branch`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import hyperopt
import numpy as np
from hyperopt import pyll, tpe
from hyperopt.base import miscs_update_idxs_vals

from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
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
    """Return a cached version of `suggest` if it is hyperopt's TPE with any settings, else `suggest` itself.

    The cache considers a document of the history unchanged as long as it is the same object.
    """
    if suggest is tpe.suggest:
        return RememberingTpe({})
    if isinstance(suggest, partial) and suggest.func is tpe.suggest and not suggest.args:
        return RememberingTpe(suggest.keywords)
    return suggest


class RememberingTpe:
    """Runs `tpe.suggest` with fixed settings, for one domain and one growing history.

    Suggestions are hyperopt's, except in a conditional space with a `branch_gamma`.
    """

    def __init__(self, settings: Mapping[str, Any], *, branch_gamma: float | None = None) -> None:
        self._branch_gamma = branch_gamma
        self._plain = partial(tpe.suggest, **settings)
        self._settings = {**_DEFAULTS, **settings}
        self._graph: _Graph | None = None
        self._columns = _Columns()

    def __call__(self, new_ids: Sequence[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
        """Return the document of the next trial."""
        at_least = max(1, self._settings["n_startup_jobs"])
        if not self._columns.follow(trials.trials) or len(trials.trials) < at_least:
            plain: list[dict[str, Any]] = self._plain(new_ids, domain, trials, seed)
            return plain
        if self._graph is None or self._graph.domain is not domain:
            self._graph = _Graph(domain, self._settings["prior_weight"], self._settings["gamma"])
        candidates = range(self._settings["n_EI_candidates"])
        gamma = self._settings["gamma"]
        if self._branch_gamma is None or not self._graph.choices:
            split = self._columns.split(gamma)
        else:
            gammas = dict.fromkeys(self._graph.choices, self._branch_gamma)
            split = self._columns.split_by_branch(gamma, gammas)
        idxs, vals = self._graph.evaluate(candidates, split, seed)
        misc = {"tid": new_ids[0], "cmd": domain.cmd, "workdir": domain.workdir}
        renamed = {candidates[0]: new_ids[0]}
        miscs_update_idxs_vals([misc], idxs, vals, idxs_map=renamed, assert_all_vals_used=False)
        docs: list[dict[str, Any]] = trials.new_trial_docs(
            [new_ids[0]], [None], [domain.new_result()], [misc]
        )
        return docs


class _Graph:
    """hyperopt's graph of the posterior of a space, and the nodes that split the observations of a label."""

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
        # The graph refers to these nodes, but with the splits given nothing reads them.
        self._unread: dict[Any, Any] = {observed["idxs"]: {}, observed["vals"]: {}}

    @cached_property
    def choices(self) -> set[str]:
        """Return the labels of the choices that open branches."""
        conditions = {each for item in read_dimensions(self.domain.expr) for each in item.conditions}
        return {label for condition in conditions for label, _ in condition}

    def evaluate(self, candidates: Sequence[int], split: Callable[[str], Split], seed: int) -> Any:
        """Return hyperopt's idxs and vals by label, with the best candidate's values for every number."""
        given = {
            self.domain.s_new_ids: list(candidates),
            self.domain.s_rng: np.random.default_rng(seed),
            **self._unread,
            **{node: split(label) for node, label in self._splits.items()},
        }
        idxs, vals = pyll.rec_eval(self._posterior, memo=given, print_node_on_error=False)
        for label, node in self.domain.params.items():
            if node.name == "randint" and len(node.pos_args) == 2:  # the graph draws from 0 on
                vals[label] = [value + node.pos_args[0].obj for value in vals[label]]
        return idxs, vals


def _call(function: Callable[..., Any], node: Any) -> None:
    """Make a graph node call `function` with the node's arguments."""
    arguments = [pyll.Literal(function), tuple(node.pos_args), dict(node.named_args)]
    node.name, node.pos_args, node.named_args = "call", [pyll.as_apply(item) for item in arguments], []


class _Columns:
    """The documents of a history as columns, updated incrementally."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._docs: list[Document] = []
        self._losses: list[float] = []
        self._rows: dict[str, list[int]] = {}
        self._vals: dict[str, list[Any]] = {}
        self._in_order = True

    def follow(self, docs: Sequence[Document]) -> bool:
        """Apply the changes of the history; return False if the history is not sorted by trial number."""
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
        """Return a function that splits a label's values into good trials and others, as hyperopt does."""
        good = _good(np.asarray(self._losses), gamma)
        return lambda label: self._parts(label, good[self._rows[label]])

    def split_by_branch(self, gamma: float, gammas: Mapping[str, float]) -> Callable[[str], Split]:
        """Return a function that splits a label's values by the results of the trials that have the label.

        hyperopt draws the parameters of a branch at random until it has one of the best results of all, so it
        rarely finds a narrow optimum. `gammas` are those of the choices that open branches: the more results
        count as good, the fewer trials go to a branch without one. A trial that has ended without a loss is
        never good: where all of a branch have failed, hyperopt would stay beside the first of them.
        """
        losses = np.asarray(self._losses)
        ended = np.array([doc["state"] == hyperopt.JOB_STATE_DONE for doc in self._docs])
        may_be_good = np.isfinite(losses) | ~ended

        def of(label: str) -> Split:
            rows = self._rows[label]
            return self._parts(label, _good(losses[rows], gammas.get(label, gamma)) & may_be_good[rows])

        return of

    def _parts(self, label: str, good: np.ndarray[Any, Any]) -> Split:
        values = np.asarray(self._vals[label])
        # For an empty part hyperopt has an untyped empty list.
        below, above = values[good], values[~good]
        return (below if len(below) else np.asarray([])), (above if len(above) else np.asarray([]))

    def _append(self, doc: Document) -> None:
        if self._docs and doc["tid"] <= self._docs[-1]["tid"]:
            self._in_order = False
        for label, values in doc["misc"]["vals"].items():
            self._rows.setdefault(label, []).extend(len(self._docs) for _ in values)
            self._vals.setdefault(label, []).extend(values)
        self._docs.append(doc)
        self._losses.append(_loss(doc))


def _good(losses: np.ndarray[Any, Any], gamma: float) -> np.ndarray[Any, Any]:
    """Return a mask of the trials that hyperopt counts as good."""
    count = min(math.ceil(gamma * math.sqrt(len(losses))), tpe.DEFAULT_LF)
    good = np.zeros(len(losses), bool)
    good[np.argsort(losses)[:count]] = True
    return good


def _loss(doc: Document) -> float:
    """Return the loss to sort a trial by: infinity if it has none."""
    loss = doc["result"].get("loss")
    return math.inf if loss is None else float(loss)
