"""The spec of a study whose objective, space and algorithm are live objects of a script.

Such objects have no stable pickle, so the study's identity is made of what stays the same from one run
of a script to the next:

- the objective's module and qualified name, a hash of its compiled code and its defaults, that of the
  functions in its module that it names, and the arguments of a partial: data counts by what it holds.
  Other globals, the other values of a closure and imported modules do not count, nor do comments;
- the space's expression in hyperopt's words: every label, distribution, bound and constant, objects by
  what pickle would put down of them;
- the algorithm's name, and the settings of a partial;
- the seed, where the script gave one.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from airflow_sparktune.driver.fmin.fingerprint import Fingerprint, digest, settings
from airflow_sparktune.driver.samplers.hyperopt_space import graph_lines
from airflow_sparktune.study.spec import Spec


def function_spec(function: Any, *, space: Any, algo: Any, **limits: Any) -> Spec:
    """Return the spec that tunes `function` over the hyperopt space `space`; raises SpecError."""
    prints = Fingerprint()
    arguments = map(prints.of, (*settings(function), *settings(algo)))
    code = "\n".join((*_code(function, prints), *arguments))
    expression = "\n".join(graph_lines(space, words=prints.of))
    given = {name: value for name, value in limits.items() if value is not None}
    return Spec.unbounded(
        objective=_reference(function),
        code=digest(code.encode()),
        space=f"fmin:space_{digest(expression.encode())[:16]}",
        algo=_reference(algo),
        **given,
    )


def _core(function: Any) -> Any:
    """Return the function that a person wrote, below partials, wrappers and hyperopt's own wrapper."""
    while True:
        if isinstance(function, partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif getattr(function, "__module__", None) == "hyperopt.fmin" and inspect.isfunction(function):
            # fmin(space="annotated") calls the user's function from within one of its own.
            inner = inspect.getclosurevars(function).nonlocals.get("func")
            if inner is None:
                return function
            function = inner
        else:
            return function


def _reference(function: Any) -> str:
    """Return a readable name in the form of a reference, though nobody can import a lambda by it.

    >>> _reference(inspect.isfunction), _reference(partial(_reference))
    ('inspect:isfunction', 'airflow_sparktune.driver.fmin.spec:_reference')
    """
    core = _core(function)
    named = core if hasattr(core, "__qualname__") else type(core)
    module = ".".join(_identifier(part) for part in (named.__module__ or "__main__").split("."))
    return f"{module}:{_identifier(named.__qualname__.replace('.<locals>', ''))}"


def _identifier(text: str) -> str:
    """
    >>> _identifier("<lambda>"), _identifier("Model.loss"), _identifier("2nd")
    ('lambda', 'Model_loss', '_2nd')
    """
    word = re.sub(r"\W+", "_", text.replace("<", "").replace(">", ""), flags=re.ASCII) or "_"
    return f"_{word}" if word[0].isdigit() else word


def _code(function: Any, prints: Fingerprint) -> Iterator[str]:
    """Yield a function's compiled code, without its file and line numbers."""
    core = _core(function)
    found = getattr(core, "__func__", core)
    if not inspect.isfunction(found):
        found = inspect.getattr_static(type(core), "__call__", None)
    if inspect.isfunction(found):  # or else it is built in
        yield from prints.code(found)
