"""Find misspelled references before Spark starts, by parsing modules without importing them."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import inspect
import logging
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.orchestrator.checks.bindings import Bindings, bindings, defines, file_bindings
from airflow_sparktune.orchestrator.deploy.user_code import (
    REFERENCES,
    UserCode,
    is_reference,
    module_reference,
    modules_beside,
    source_file,
)
from airflow_sparktune.study.segments import Segment
from airflow_sparktune.study.signature import extras_wanted

log = logging.getLogger(__name__)

_Function = ast.FunctionDef | ast.AsyncFunctionDef
# The least similarity (difflib's ratio) of a misspelled module: "trian" reaches it for "train", "rain" too.
_NEAR = 0.8
# Spark's settings by which modules reach the cluster besides the shipped ones.
_BRINGS_CODE = re.compile(r"pyFiles|archives|PYTHONPATH|container\.image|spark\.files|dist\.files")


def check_references(
    named: Mapping[str, Any],
    code: UserCode | None,
    *,
    bases: Sequence[Path] = (),
    elsewhere: bool = False,
    segments: Sequence[Segment] = (),
) -> None:
    """Raise ObjectiveError for a `module:name` that is missing or has a wrong signature.

    A module that may define more names than parsing finds is accepted: the driver imports it and reports
    errors. A module that is not shipped is accepted, too, because the cluster may have it, unless `bases`
    contain one with almost the same name. `elsewhere` tells whether the task brings other code to the
    cluster. Each of the `segments` has arguments of the objective of its own.
    """
    owns: list[Mapping[str, Any]] = [each.objective_kwargs for each in segments] or [{}]
    arguments = list(_all_kwargs(named, {tuple(own): own for own in owns}.values()))
    files = code.files if code is not None else {}
    for argument in REFERENCES:
        reference = named.get(argument)
        if is_reference(reference):
            module, _, name = reference.partition(":")
            source = _source(module, name, files)
            if source is None:
                if not elsewhere and not _is_known(module, files):
                    _refuse_misspelled(module, name, bases)
            elif (bound := bindings(source)) is not None:
                _require(reference, bound)
                _check_signature(argument, reference, bound[name], arguments)


def check_named(reference: str, *, bases: Sequence[Path]) -> None:
    """Raise ObjectiveError for a reference to a file in `bases` that surely does not have the name.

    It reads nothing but that file.
    """
    where, _, name = reference.rpartition(":")
    path = source_file(where, bases)
    if path is None or defines(path, name):
        return
    bound = file_bindings(path)
    if bound is not None:
        _require(module_reference(reference), bound)


def brings_code(conf: Mapping[str, Any] | None, *others: Any) -> bool:
    """Return whether a task brings code to the cluster by settings, or by `others` (py_files, archives)."""
    return any(others) or any(_BRINGS_CODE.search(str(key)) for key in conf or {})


def _source(module: str, name: str, files: Mapping[str, bytes]) -> bytes | None:
    """Return the source of a shipped module, or None for a module that is installed where trials run."""
    path = module.replace(".", "/")
    for file in (f"{path}/__init__.py", f"{path}.py"):
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


def _is_known(module: str, files: Mapping[str, bytes]) -> bool:
    """Return whether a module is installed here, or in a shipped folder; it is not imported."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or any(file.startswith(f"{top}/") for file in files):
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _refuse_misspelled(module: str, name: str, bases: Sequence[Path]) -> None:
    """Raise ObjectiveError if `bases` contain a module of almost the same name with `name`; else warn."""
    top, dot, rest = module.partition(".")
    for near in difflib.get_close_matches(top, modules_beside(bases), cutoff=_NEAR):
        meant = f"{near}{dot}{rest}"
        path = source_file(meant, bases)
        bound = file_bindings(path) if path is not None else None
        # A number is not misspelled: train_v2 may be on the cluster, and train_v1 here.
        if bound is not None and name in bound and _letters(near) != _letters(top):
            raise ObjectiveError(
                f"'{module}:{name}' must exist, but the module {top!r} is neither here nor beside the DAG or "
                f"spec file; did you mean '{meant}:{name}'?"
            )
    log.warning(
        "'%s:%s' must be importable where trials run: the module %r is neither here nor beside the DAG or "
        "spec file, so it must be installed there",
        module,
        name,
        top,
    )


def _letters(name: str) -> str:
    return re.sub(r"\d", "", name)


def _require(reference: str, bound: Bindings) -> None:
    module, _, name = reference.partition(":")
    if name not in bound:
        raise ObjectiveError(f"{reference!r} must exist, but {module} has no {name!r}{_near(name, bound)}")


def _check_signature(
    argument: str, reference: str, node: ast.AST | None, arguments: Iterable[Mapping[str, Any]]
) -> None:
    if not isinstance(node, _Function) or node.decorator_list:
        return
    signature = _signature(node)
    if argument == "objective":
        for kwargs in arguments:
            extras_wanted(reference, signature, given=kwargs)
    elif argument == "execution.shared_data":
        try:
            signature.bind()
        except TypeError as error:
            raise ObjectiveError(
                f"{argument} {reference!r} must be a function without arguments, got {error} for "
                f"{reference}{signature}"
            ) from None


def _all_kwargs(named: Mapping[str, Any], owns: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Yield the arguments of the objective in the search, and in a confirmation that has its own."""
    confirm = _object(_object(named.get("retuning.confirm")).get("objective_kwargs"))
    for own in owns:
        search = {**_object(named.get("objective_kwargs")), **own}
        yield search
        if confirm:
            yield {**search, **confirm}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}  # the spec's own check refuses other values


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "; check the spelling"


def _signature(node: _Function) -> inspect.Signature:
    """Return a function's signature from its syntax tree, without evaluating defaults and annotations."""
    kind, given = inspect.Parameter, node.args
    rest, options = ([each] if each else [] for each in (given.vararg, given.kwarg))
    required = len(given.posonlyargs) + len(given.args) - len(given.defaults)
    arguments = [*given.posonlyargs, *given.args, *rest, *given.kwonlyargs, *options]
    kinds = [
        *[kind.POSITIONAL_ONLY] * len(given.posonlyargs),
        *[kind.POSITIONAL_OR_KEYWORD] * len(given.args),
        *[kind.VAR_POSITIONAL] * len(rest),
        *[kind.KEYWORD_ONLY] * len(given.kwonlyargs),
        *[kind.VAR_KEYWORD] * len(options),
    ]
    defaults = [*[None] * required, *given.defaults, *[None] * len(rest), *given.kw_defaults]
    return inspect.Signature([*map(_parameter, arguments, kinds, [*defaults, *[None] * len(options)])])


def _parameter(argument: ast.arg, kind: Any, default: ast.expr | None) -> inspect.Parameter:
    empty = inspect.Parameter.empty
    value: Any = empty
    if default is not None:
        value = default.value if isinstance(default, ast.Constant) else ...
    annotation = empty if argument.annotation is None else ast.unparse(argument.annotation).strip("'")
    return inspect.Parameter(argument.arg, kind, default=value, annotation=annotation)
