"""Optuna's samplers: `algo="optuna:TPESampler"`.

Optuna builds its search space from the calls that suggest values, so the parameters of a branch are
suggested after the choice of that branch.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState as Ends

from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.driver.samplers.gp.space import Parameter, encoded_space
from airflow_sparktune.driver.samplers.search_space import SearchSpace, SpaceSampler
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.trial import Trial, TrialState

PREFIX = "optuna:"
# Optuna has no normal distribution: it is replaced by a uniform one within this many standard deviations.
_SIGMAS = 3
# Optuna imports these libraries only when it uses them: for GPSampler, that is at the eleventh trial.
_NEEDS = {"GPSampler": "torch", "CmaEsSampler": "cmaes"}


class OptunaSampler(SpaceSampler):
    """Suggests by a sampler of Optuna, by its name such as `TPESampler(n_startup_trials=20)`.

    Trials are mirrored in an Optuna study in memory. Samplers that keep state in Optuna's storage (CMA-ES)
    start from scratch when a study is resumed. Raises SpecError if `name` is not a sampler.
    """

    def __init__(self, space: SearchSpace, name: str) -> None:
        super().__init__(space)
        self._make = _maker(name)
        # At the level of warnings, some samplers write a line for each parameter of a branch, in every trial.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._name = f"{PREFIX}{name}"
        self._rows = {row.label: row for row in space.dimensions}
        self._parameters = encoded_space(space.columns).parameters
        self._distributions = {item.label: _distribution(item) for item in self._parameters}
        self._study = optuna.create_study()
        self._numbers: dict[int, int] = {}  # a trial's number -> Optuna's
        self._news: dict[int, Trial] = {}  # told since the last suggestion
        self._untold: set[int] = set()  # suggested, and not told since

    def tell(self, trial: Trial) -> None:
        self._news[trial.number] = trial
        self._untold.discard(trial.number)

    def ask(self, number: int, *, seed: int) -> Suggestion:
        self._mirror()
        self._study.sampler = self._make(seed % 2**32)
        trial = self._study.ask()
        self._numbers[number] = trial.number
        self._untold.add(number)
        point: dict[str, Any] = {}
        for item in self._parameters:  # choices first
            if self._rows[item.label].active(point):
                given = _suggested(trial, item.label, self._distributions[item.label])
                point[item.label] = _from_optuna(item, given)
        return self.space.suggestion(point, by=self._name)

    def _mirror(self) -> None:
        """Bring Optuna's study up to date; a suggestion that never became a trial counts as failed."""
        # By number, so that Optuna's trials have the same order after a resume.
        for number, trial in sorted(self._news.items()):
            if number not in self._numbers:
                self._add(trial)
            if trial.state is not TrialState.RUNNING:
                self._end(number, trial.state, trial.loss)
        for number in self._untold:
            self._end(number, TrialState.FAILED)
        self._news.clear()
        self._untold.clear()

    def _add(self, trial: Trial) -> None:
        params = {
            item.label: _to_optuna(item, trial.point[item.label], self._distributions[item.label])
            for item in self._parameters
            if item.label in trial.point
        }
        distributions = {label: self._distributions[label] for label in params}
        running = Ends.RUNNING
        added = optuna.trial.create_trial(state=running, params=params, distributions=distributions)
        self._study.add_trial(added)
        self._numbers[trial.number] = len(self._study.get_trials(deepcopy=False)) - 1

    def _end(self, number: int, state: TrialState, loss: float | None = None) -> None:
        # Optuna's samplers learn from a pruned trial, but not from a failed one.
        ends = {TrialState.OK: Ends.COMPLETE, TrialState.PRUNED: Ends.PRUNED}
        # A trial that ran again keeps its first end.
        self._study.tell(self._numbers[number], loss, ends.get(state, Ends.FAIL), skip_if_finished=True)


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

    samplers = {item: getattr(optuna.samplers, item) for item in sorted(optuna.samplers.__all__)}
    known = {item: found for item, found in samplers.items() if _is_sampler(found)}
    if call.id not in known:
        near = difflib.get_close_matches(call.id, known, n=1)
        hint = f"did you mean {PREFIX + near[0]!r}?" if near else f"the samplers are {', '.join(known)}"
        raise SpecError(f"algo must name a sampler of Optuna {optuna.__version__}, got {call.id!r}; {hint}")
    found = known[call.id]
    library = _NEEDS.get(call.id)
    if library and find_spec(library) is None:
        raise SpecError(
            f"algo {PREFIX + name!r} needs {library}, which the driver's environment does not have; "
            "install it there or choose another algo"
        )
    takes_seed = "seed" in inspect.signature(found).parameters and "seed" not in arguments

    def make(seed: int) -> Any:
        try:
            return found(**arguments, **({"seed": seed} if takes_seed else {}))
        except (TypeError, ValueError) as error:
            raise SpecError(f"algo {PREFIX + name!r}: {error}") from error

    make(0)
    return make


def _is_sampler(found: Any) -> bool:
    is_concrete = inspect.isclass(found) and not inspect.isabstract(found)
    return is_concrete and issubclass(found, optuna.samplers.BaseSampler)


def _distribution(item: Parameter) -> Any:
    """Return the Optuna distribution of a parameter; a normal one becomes uniform within three sigmas."""
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
