"""The spec of a study whose objective, space and algorithm are live objects of a script.

Such objects have no stable pickle, so the study's identity is made of what stays the same from one run
of a script to the next:

- the objective's module and qualified name, a hash of its compiled code and its defaults, and, for a
  partial, the arguments that JSON can hold. What the function merely refers to (helpers, globals, the
  values of a closure) does not count, nor do comments;
- the space's expression in hyperopt's words: every label, distribution, bound and constant, objects
  without their address in memory;
- the algorithm's name, and the settings of a partial that JSON can hold;
- the seed, where the script gave one.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.plain import plain
from airflow_sparktune.study.spec import Spec

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def function_spec(function: Any, *, space: str, algo: Any, **limits: Any) -> Spec:
    """The spec of tuning `function`; `space` is the text of its expression. Raises SpecError for a limit."""
    settings = (*_settings(function), *_settings(algo))
    code = (*_code(function), json.dumps(settings, sort_keys=True))
    given = {name: value for name, value in limits.items() if value is not None}
    return Spec.of(
        objective=_reference(function),
        code=_digest("\n".join(code)),
        space=f"fmin:space_{_digest(_ADDRESS.sub('', space))[:16]}",
        algo=_reference(algo),
        **given,
    )


def _core(function: Any) -> Any:
    """The function that a person wrote, below partials, wrappers and hyperopt's own wrapper."""
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
    """A readable name in the form of a reference, though nobody can import a lambda by it.

    >>> _reference(json.dumps), _reference(partial(_reference))
    ('json:dumps', 'airflow_sparktune.driver.function_spec:_reference')
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


def _settings(function: Any) -> Iterator[dict[str, Any]]:
    """The arguments of a partial, as far as JSON can hold them."""
    while isinstance(function, partial):
        given = {**{str(at): value for at, value in enumerate(function.args)}, **function.keywords}
        yield {name: value for name, value in map(_plain_pair, given.items()) if value is not None}
        function = function.func


def _plain_pair(pair: tuple[str, Any]) -> tuple[str, Any]:
    name, value = pair
    try:
        return name, plain(value, what=name)
    except SpecError:
        return name, None


def _code(function: Any) -> Iterator[str]:
    """What a function's compiled code says, whatever file and line it stands in."""
    core = _core(function)
    found = getattr(core, "__func__", core)
    if not inspect.isfunction(found):
        found = inspect.getattr_static(type(core), "__call__", None)
    if not inspect.isfunction(found):  # built in
        return
    yield from _instructions(found.__code__)
    for defaults in (found.__defaults__, found.__kwdefaults__):
        yield _constant(defaults)


def _instructions(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)
        else:
            yield _constant(constant)


def _constant(value: Any) -> str:
    # The order of a set changes from one process to the next, an address in memory too.
    text = repr(sorted(map(repr, value))) if isinstance(value, (set, frozenset)) else repr(value)
    return _ADDRESS.sub("", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
