"""Declares a field of the spec: its check, its meaning, its part in the identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, replace
from typing import Any

Check = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecField:
    """One field of the spec. The operator, the shell and the reference page are derived from these.

    `check(name, value)` gives the value to keep, or raises SpecError. `takes` says what a person writes,
    `doc` what it means (Markdown). `identity` is true where another value makes another study, `bounds`
    where the field alone ends a study, `internal` where it is not an argument that a person gives.
    """

    name: str
    check: Check
    takes: str
    doc: str
    default: Any
    example: str
    identity: bool
    bounds: bool
    internal: bool

    @property
    def required(self) -> bool:
        """Return whether a spec must have the field."""
        return self.default is MISSING


def declared(
    check: Check,
    *,
    takes: str,
    doc: str,
    default: Any = MISSING,
    example: str = "",
    identity: bool = False,
    bounds: bool = False,
    internal: bool = False,
) -> Any:
    """Make a field of the Spec dataclass with its declaration (see SpecField).

    `default` is what the spec holds where nobody gives a value; a callable one is a factory. Without one the
    field is required.
    """
    factory = default if callable(default) else None
    declaration = SpecField(
        name="",
        check=check,
        takes=takes,
        doc=doc,
        default=factory() if factory else default,
        example=example,
        identity=identity,
        bounds=bounds,
        internal=internal,
    )
    metadata = {_KEY: declaration}
    return (
        field(default_factory=factory, metadata=metadata)
        if factory
        else field(default=default, metadata=metadata)
    )


def declaration_of(item: Field[Any]) -> SpecField:
    """Return the declaration that `declared` put into a dataclass field."""
    found: SpecField = item.metadata[_KEY]
    return replace(found, name=item.name)


_KEY = "sparktune"
