"""Find the names that a function uses and does not define, without running it."""

from __future__ import annotations

import builtins
import symtable
from collections.abc import Iterator

from airflow_sparktune.errors import ObjectiveError

# A function that uses one of these may define names that its symbol table does not have.
_DYNAMIC = frozenset({"exec", "eval", "globals", "__import__"})
_KNOWN = frozenset({*dir(builtins), "__file__", "__builtins__"})


def require_self_contained(name: str, source: str) -> None:
    """Raise ObjectiveError if the function `name`, which is sent as this source alone, uses other names."""
    try:
        module = symtable.symtable(source, name, "exec")
    except SyntaxError:
        return  # the driver reports it with its line; its Python may be newer
    used, defined = set(_used(module)), set(_defined(module))
    missing = sorted(used - defined - _KNOWN)
    if missing and not used & _DYNAMIC:
        raise ObjectiveError(
            f"the function {name!r} must define or import every name that it uses, because only its source "
            f"is sent, got {', '.join(missing)} from outside; import it inside the function, or pass it as "
            "an argument of the call"
        )


def _used(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the names that a scope and those below it look up in the module."""
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (is_module or symbol.is_global()):
            yield symbol.get_name()
    for below in table.get_children():
        yield from _used(below)


def _defined(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the names that a scope and those below it define in the module."""
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        bound = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
        if bound and (is_module or symbol.is_declared_global()):
            yield symbol.get_name()
    for below in table.get_children():
        yield from _defined(below)
