"""Optuna's samplers as hyperopt suggest functions: `algo="optuna:TPESampler"`.

Optuna builds its search space from the calls that suggest values, so the parameters of a branch are
suggested after the choice of that branch.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import hyperopt
import numpy as np

from airflow_sparktune.driver.samplers.gp.space import EncodedSpace, Parameter, encoded_space
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
from airflow_sparktune.errors import SpecError

PREFIX = "optuna:"
# Optuna has no normal distribution: it is replaced by a uniform one within this many standard deviations.
_SIGMAS = 3


def optuna_suggest(name: str) -> Callable[..., list[dict[str, Any]]]:
    """Return the suggest function of a sampler by its name, such as `TPESampler(n_startup_trials=20)`.

    Samplers that keep state in Optuna's storage (CMA-ES) start from scratch when a study is resumed. Raises
    SpecError if `name` is not a sampler.
    """
    make = _maker(name)
    searches: WeakKeyDictionary[Any, _Search] = WeakKeyDictionary()

    def suggest(new_ids: Sequence[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
        search = searches.get(domain)
        if search is None:
            search = searches[domain] = _Search(encoded_space(read_dimensions(domain.expr)))
        search.follow(trials.trials)
        documents = []
        for at, number in enumerate(new_ids):
            point = search.ask(number, make((seed + at) % 2**32))
            vals = {item: [point[item]] if item in point else [] for item in domain.params}
            misc = {
                "tid": number,
                "cmd": domain.cmd,
                "workdir": domain.workdir,
                "idxs": {label: [number] * len(values) for label, values in vals.items()},
                "vals": vals,
            }
            documents += trials.new_trial_docs([number], [None], [domain.new_result()], [misc])
        return documents

    return suggest


class _Search:
    """An in-memory Optuna study that mirrors a hyperopt history."""

    def __init__(self, space: EncodedSpace) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._study = optuna.create_study()
        self._numbers: dict[int, int] = {}  # hyperopt's trial number -> Optuna's
        self._ended: set[int] = set()
        self._distributions = {item.label: _distribution(item) for item in space.parameters}

    def follow(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Apply the changes of the history; a suggestion that never became a trial counts as failed."""
        known = set()
        for document in documents:
            known.add(document["tid"])
            self._take_in(document)
        for number in self._numbers.keys() - known - self._ended:
            self._tell(number, None)

    def ask(self, number: int, sampler: Any) -> dict[str, Any]:
        """Return the point of a new trial."""
        self._study.sampler = sampler
        trial = self._study.ask()
        self._numbers[number] = trial.number
        self._ended.discard(number)
        row = np.where(self._space.numeric, 0.0, -1.0)
        point: dict[str, Any] = {}
        for column, item in enumerate(self._space.parameters):
            if self._space.active(row[None])[0, column]:
                given = _suggested(trial, item.label, self._distributions[item.label])
                row[column] = 0.0 if item.axis else given
                point[item.label] = _from_optuna(item, given)
        return point

    def _take_in(self, document: Mapping[str, Any]) -> None:
        from optuna.trial import TrialState, create_trial

        number = document["tid"]
        if number in self._ended:
            return
        if number not in self._numbers:
            vals = document["misc"]["vals"]
            params = {
                item.label: _to_optuna(item, vals[item.label][0], self._distributions[item.label])
                for item in self._space.parameters
                if len(vals.get(item.label, ()))
            }
            distributions = {label: self._distributions[label] for label in params}
            self._study.add_trial(
                create_trial(state=TrialState.RUNNING, params=params, distributions=distributions)
            )
            self._numbers[number] = len(self._study.get_trials(deepcopy=False)) - 1
        if document["state"] not in (hyperopt.JOB_STATE_NEW, hyperopt.JOB_STATE_RUNNING):
            self._tell(number, document["result"].get("loss"))

    def _tell(self, number: int, loss: float | None) -> None:
        from optuna.trial import TrialState

        self._ended.add(number)
        if loss is None or math.isnan(loss):
            self._study.tell(self._numbers[number], state=TrialState.FAIL)
        else:
            self._study.tell(self._numbers[number], loss)


def _maker(name: str) -> Callable[[int], Any]:
    """Return a function that creates the sampler `name` with a seed, if the sampler takes one."""
    wrong = SpecError(
        f"an Optuna algo must be a sampler with plain keyword arguments, such as "
        f"'optuna:TPESampler(n_startup_trials=20)', got {PREFIX + name!r}"
    )
    try:
        call = ast.parse(name, mode="eval").body
    except SyntaxError:
        raise wrong from None
    arguments: dict[str, Any] = {}
    if isinstance(call, ast.Call):
        try:
            arguments = {str(item.arg): ast.literal_eval(item.value) for item in call.keywords if item.arg}
        except ValueError:
            raise wrong from None
        if call.args or len(arguments) < len(call.keywords):
            raise wrong
        call = call.func
    if not isinstance(call, ast.Name):
        raise wrong

    import optuna

    found = getattr(optuna.samplers, call.id, None)
    if not (inspect.isclass(found) and issubclass(found, optuna.samplers.BaseSampler)):
        known = ", ".join(sorted(item for item in optuna.samplers.__all__ if item.endswith("Sampler")))
        raise SpecError(f"algo must name an Optuna {optuna.__version__} sampler ({known}), got {call.id!r}")
    takes_seed = "seed" in inspect.signature(found).parameters and "seed" not in arguments

    def make(seed: int) -> Any:
        try:
            return found(**arguments, **({"seed": seed} if takes_seed else {}))
        except (TypeError, ValueError) as error:
            raise SpecError(f"algo {PREFIX + name!r}: {error}") from error

    make(0)
    return make


def _distribution(item: Parameter) -> Any:
    """Return the Optuna distribution of a parameter; a normal one becomes uniform within three sigmas."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    axis = item.axis
    if axis is None:
        return CategoricalDistribution([code for code, weight in enumerate(item.weights) if weight > 0])
    low, high = axis.low, axis.high
    if axis.normal:
        low, high = low - _SIGMAS * high, low + _SIGMAS * high
    if axis.log:
        low, high = math.exp(low), math.exp(high)
    if axis.step is None:
        return FloatDistribution(low, high, log=axis.log)
    first, last = round(low / axis.step), round(high / axis.step)
    if axis.log:
        first, last = max(first, 1), max(last, 1)
    return IntDistribution(first, last, log=axis.log)


def _suggested(trial: Any, label: str, distribution: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    match distribution:
        case CategoricalDistribution():
            return trial.suggest_categorical(label, distribution.choices)
        case FloatDistribution():
            return trial.suggest_float(label, distribution.low, distribution.high, log=distribution.log)
        case _:
            return trial.suggest_int(label, distribution.low, distribution.high, log=distribution.log)


def _from_optuna(item: Parameter, given: Any) -> Any:
    """Return hyperopt's raw number for a value of Optuna's."""
    axis = item.axis
    if axis is None:
        return int(given) + item.offset
    value = given * axis.step if axis.step else float(given)
    return round(value) if item.whole else float(value)


def _to_optuna(item: Parameter, value: Any, distribution: Any) -> Any:
    """Return Optuna's value for a raw number of hyperopt's, clipped to the bounds."""
    axis = item.axis
    if axis is None:
        return int(value) - item.offset
    if axis.step:
        value = round(value / axis.step)
    return min(max(value, distribution.low), distribution.high)
