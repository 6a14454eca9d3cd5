"""The spec of a study whose objective, space and algorithm are live objects of a script.

Such objects have no stable pickle. The study's identity is therefore made of the parts that stay the same
in every run of a script:

- the objective's module and qualified name, a hash of its compiled code and defaults and of the functions in
  its module that it names, and the arguments of a partial, including data in them. Other globals, other
  values of a closure, imported modules and comments are not part of the identity;
- the space's expression: every label, distribution, bound and constant; objects by their pickled state;
- the algorithm's name, and the arguments of a partial;
- the seed, if the script sets one.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from airflow_sparktune.driver.fmin.fingerprint import Fingerprint, digest, settings
from airflow_sparktune.driver.samplers.hyperopt_space import graph_lines
from airflow_sparktune.study.definition import Spec


def function_spec(function: Any, *, space: Any, algo: Any, **limits: Any) -> Spec:
    """Return the spec for tuning `function` over the hyperopt space `space`; raises SpecError."""
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
    """Return the user's function inside partials, wrappers and hyperopt's own wrapper."""
    while True:
        if isinstance(function, partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif getattr(function, "__module__", None) == "hyperopt.fmin" and inspect.isfunction(function):
            # fmin(space="annotated") wraps the user's function.
            inner = inspect.getclosurevars(function).nonlocals.get("func")
            if inner is None:
                return function
            function = inner
        else:
            return function


def _reference(function: Any) -> str:
    """Return a readable name in the form of a reference. It need not be importable, e.g. for a lambda.

    >>> _reference(inspect.isfunction), _reference(partial(_reference))
    ('inspect:isfunction', 'airflow_sparktune.driver.fmin.spec:_reference')
    """
    core = _core(function)
    named = core if hasattr(core, "__qualname__") else type(core)
    module = ".".join(_identifier(part) for part in (named.__module__ or "__main__").split("."))
    return f"{module}:{_identifier(named.__qualname__.replace('.<locals>', ''))}"


def _identifier(text: str) -> str:
    """Return `text` as an identifier.

    >>> _identifier("<lambda>"), _identifier("Model.loss"), _identifier("2nd")
    ('lambda', 'Model_loss', '_2nd')
    """
    word = re.sub(r"\W+", "_", text.replace("<", "").replace(">", ""), flags=re.ASCII) or "_"
    return f"_{word}" if word[0].isdigit() else word


def _code(function: Any, prints: Fingerprint) -> Iterator[str]:
    """Yield descriptions of a function's compiled code, without its file and line numbers."""
    core = _core(function)
    found = getattr(core, "__func__", core)
    if not inspect.isfunction(found):
        found = inspect.getattr_static(type(core), "__call__", None)
    if inspect.isfunction(found):  # False for a builtin
        yield from prints.code(found)
