"""Find misspelled references before Spark starts, by parsing the shipped modules without importing them."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.orchestrator.deploy.user_code import REFERENCES, UserCode
from airflow_sparktune.study.signature import extras_wanted

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
# A module that uses one of these may define names that parsing does not find.
_DYNAMIC = frozenset({"globals", "exec", "setattr", "vars", "__import__"})


def check_references(named: Mapping[str, Any], code: UserCode | None) -> None:
    """Raise ObjectiveError for a `module:name` in shipped code that is missing or has a wrong signature.

    A module that may define more names than parsing finds is accepted: the driver imports it and reports
    errors.
    """
    files = code.files if code is not None else {}
    for argument in REFERENCES:
        reference = named.get(argument)
        if isinstance(reference, str) and ":" in reference:
            module, _, name = reference.partition(":")
            if (source := _source(module, name, files)) is not None:
                _check(argument, reference, name, source, named.get("objective_kwargs"))


def _source(module: str, name: str, files: Mapping[str, bytes]) -> bytes | None:
    """Return the source of a shipped module, or None for a module that is installed where trials run."""
    path = module.replace(".", "/")
    for file in (f"{path}.py", f"{path}/__init__.py"):
        if file in files:
            return files[file]
    top = module.partition(".")[0]
    if f"{top}.py" in files or f"{top}/__init__.py" in files:
        paths = [file.removesuffix(".py").removesuffix("/__init__") for file in files if file.endswith(".py")]
        modules = [path.replace("/", ".") for path in paths]
        raise ObjectiveError(
            f"'{module}:{name}' must exist, but there is no module {module!r}{_near(module, modules)}"
        )
    return None


def _check(argument: str, reference: str, name: str, source: bytes, kwargs: Any) -> None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # the driver reports the error with its line; its Python may be newer
    bound = _bindings(tree)
    if bound is None:
        return
    if name not in bound:
        module = reference.partition(":")[0]
        raise ObjectiveError(f"{reference!r} must exist, but {module} has no {name!r}{_near(name, bound)}")
    node = bound[name]
    if not isinstance(node, _Function) or node.decorator_list:
        return
    signature = _signature(node)
    if argument == "objective":
        extras_wanted(reference, signature, given=kwargs if isinstance(kwargs, Mapping) else ())
    elif argument == "shared_data":
        try:
            signature.bind()
        except TypeError as error:
            raise ObjectiveError(
                f"shared_data {reference!r} must be a function without arguments, got {error} for "
                f"{reference}{signature}"
            ) from None


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "; check the spelling"


def _bindings(tree: ast.Module) -> dict[str, ast.AST | None] | None:
    """Return the names of a module with the node that binds each, or None if it may have other names.

    A name that is bound more than once maps to None, because only running the module shows which binding
    lasts.
    """
    found: dict[str, ast.AST | None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in _DYNAMIC:
                return None
            case ast.Global(names=names):
                found.update(dict.fromkeys(names))
    for name, node in _bound(tree):
        if name in ("*", "__getattr__"):
            return None
        found[name] = None if name in found else node
    return found


def _bound(scope: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield each name that statements of a scope bind, with its node."""
    for node in ast.iter_child_nodes(scope):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from ((alias.asname or alias.name.partition(".")[0], alias) for alias in aliases)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, node
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield name, node
        if not isinstance(node, _SCOPES):
            yield from _bound(node)


def _signature(node: _Function) -> inspect.Signature:
    """Return a function's signature from its syntax tree, without evaluating defaults and annotations."""
    kind, empty = inspect.Parameter, inspect.Parameter.empty
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    required = len(positional) - len(given.defaults)
    parameters = [
        kind(
            argument.arg,
            kind.POSITIONAL_ONLY if at < len(given.posonlyargs) else kind.POSITIONAL_OR_KEYWORD,
            default=empty if at < required else ...,
        )
        for at, argument in enumerate(positional)
    ]
    if given.vararg:
        parameters.append(kind(given.vararg.arg, kind.VAR_POSITIONAL))
    parameters += [
        kind(argument.arg, kind.KEYWORD_ONLY, default=empty if value is None else ...)
        for argument, value in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    if given.kwarg:
        parameters.append(kind(given.kwarg.arg, kind.VAR_KEYWORD))
    return inspect.Signature(parameters)
