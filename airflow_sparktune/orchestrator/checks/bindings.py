"""Find the names that a module has by parsing its source, without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
# A module that uses one of these may define names that parsing does not find.
_DYNAMIC = frozenset({"globals", "locals", "vars", "exec", "eval", "setattr", "__import__"})
# Calls that get the module's name for a log, and define nothing in it.
_LOGGERS = frozenset({"getLogger", "get_logger"})

# The names of a module with the node that binds each. A name that is bound more than once maps to None,
# because only running the module shows which binding lasts.
Bindings = Mapping[str, ast.AST | None]


def bindings(source: bytes) -> Bindings | None:
    """Return the names of a module, or None if it may have other names, or does not parse here."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None  # the driver reports the error with its line; its Python may be newer
    found: dict[str, ast.AST | None] = {}
    for node in ast.walk(tree):
        if _is_dynamic(node):
            return None
        if isinstance(node, ast.Global):
            found.update(dict.fromkeys(node.names))
    for name, node in _bound(tree):
        if name in ("*", "__getattr__"):
            return None
        found[name] = None if name in found else node
    return found


def file_bindings(path: Path) -> Bindings | None:
    """Return the names of a module's file as `bindings` does; each version of a file is parsed once."""
    try:
        stat = path.stat()
        return _parsed(path, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return None


def defines(path: Path, name: str) -> bool:
    """Return whether a line of a file seems to define a name of the module; much faster than parsing it."""
    pattern = rf"^(?:(?:async\s+)?def\s+|class\s+)?{re.escape(name)}\s*[(:=]".encode()
    try:
        return re.search(pattern, path.read_bytes(), re.MULTILINE) is not None
    except OSError:
        return True  # the task reports it


@lru_cache(maxsize=256)
def _parsed(path: Path, mtime_ns: int, size: int) -> Bindings | None:  # noqa: ARG001 - part of the key
    return bindings(path.read_bytes())


def _is_dynamic(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name):
            return name in _DYNAMIC
        case ast.Attribute(value=ast.Name(id="sys"), attr="modules") | ast.Attribute(attr="__dict__"):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=given) if name not in _LOGGERS:
            # A function that gets the module's name may add to the module.
            return any(isinstance(each, ast.Name) and each.id == "__name__" for each in given)
    return False


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
                | ast.MatchMapping(rest=str(name))
            ):
                yield name, node
        if not isinstance(node, _SCOPES):
            yield from _bound(node)
