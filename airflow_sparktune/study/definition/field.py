"""The declaration of a spec field: its check, its meaning, and whether it is part of the identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, replace
from typing import Any

Check = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecField:
    """A field of the spec. The operator, the shell and the reference page are derived from these.

    `check(name, value)` returns the checked value or raises SpecError. `takes` describes the expected value,
    and `doc` its meaning (Markdown). With `identity`, another value means another study. With `bounds`, the
    field alone can end a study. A `script` field can also be set for a script, which builds its own spec. An
    `internal` field is not an argument for users. `flat` is the key of a grouped field in journals that were
    written before there were groups.
    """

    check: Check
    takes: str
    doc: str
    default: Any = MISSING
    name: str = ""
    example: str = ""
    identity: bool = False
    bounds: bool = False
    script: bool = False
    internal: bool = False
    flat: str = ""

    @property
    def required(self) -> bool:
        """Return whether a spec must set the field."""
        return self.default is MISSING

    def within(self, group: str) -> SpecField:
        """Return the field under its name in a group: `limits.no_progress`."""
        return replace(self, name=f"{group}.{self.name}", flat=self.flat or self.name)


def declared(check: Check, *, takes: str, doc: str, default: Any = MISSING, **facts: Any) -> Any:
    """Return a dataclass field with its declaration; `facts` are the further fields of SpecField.

    `default` is the value of an unset field; a callable is used as a factory. Without a default the field is
    required.
    """
    unset = {"default_factory": default} if callable(default) else {"default": default}
    value = default() if callable(default) else default
    declaration = SpecField(check=check, takes=takes, doc=doc, default=value, **facts)
    made: Any = field(**unset, metadata={_KEY: declaration})
    return made


def declaration_of(item: Field[Any]) -> SpecField:
    """Return the declaration that `declared` stored in a dataclass field."""
    found: SpecField = item.metadata[_KEY]
    return replace(found, name=item.name)


_KEY = "sparktune"
