"""Groups of arguments: frozen parts of the spec that a person writes as values or as plain objects."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Self

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.field import SpecField, declaration_of
from airflow_sparktune.study.json_values import shown


class Group:
    """A frozen part of the spec; a subclass declares the fields.

    The constructor accepts what a person writes, templates included. It checks and remembers only the keys.
    `parse` returns the checked group, with the default of each key that was not given.
    """

    # The field meant by a value that is no object: warm_start="previous".
    short_for: ClassVar[str] = ""
    _given: tuple[str, ...]

    def __new__(cls, *unnamed: Any, **given: Any) -> Self:
        if unnamed:
            raise SpecError(
                f"{cls.__name__} must get each value by its key, got {shown(unnamed[0])} without one; "
                f"the keys are {', '.join(cls._known())}"
            )
        cls._require_keys(cls.__name__, given)
        made = super().__new__(cls)
        made.__dict__["_given"] = tuple(given)
        return made

    @classmethod
    def parse(cls, name: str, value: Any) -> Self:
        """Return the checked group for a value that a person wrote; raises SpecError."""
        return cls(**check_fields(declarations(cls), cls.keys(name, value), group=name))

    @classmethod
    def keys(cls, name: str, value: Any) -> dict[str, Any]:
        """Return the keys that a person set, with their values as written; raises SpecError."""
        written = as_written(value)
        if not isinstance(written, Mapping):
            checks.not_quoted(name, written)
            if not cls.short_for:
                raise SpecError(
                    f"{name} must be an object of keys and values, got {shown(written)}; the keys are "
                    f"{', '.join(cls._known())}"
                )
            written = {cls.short_for: written}
        cls._require_keys(name, written)
        return {key: item for key, item in written.items() if item is not None}

    @classmethod
    def _known(cls) -> list[str]:
        return [item.name for item in declarations(cls)]

    @classmethod
    def _require_keys(cls, owner: str, given: Iterable[Any]) -> None:
        known = cls._known()
        if unknown := [key for key in given if key not in known]:
            from airflow_sparktune.study.definition.spec_fields import IN_GROUPS  # which imports this file

            elsewhere = {key: IN_GROUPS[key] for key in unknown if key in IN_GROUPS}
            require_known(owner, unknown, known, elsewhere=elsewhere)


def as_written(value: Any) -> Any:
    """Return a group, or an object with groups in it, as a plain dict of the keys that were set.

    Airflow renders templates, and finds the tasks that a value depends on, in plain containers only.
    """
    match value:
        case Group():
            written = {key: getattr(value, key) for key in value._given}
        case dict():
            written = value
        case _:
            return value
    return {
        key: as_written(item) if isinstance(item, Group) else item
        for key, item in written.items()
        if item is not None
    }


def declarations(kind: type) -> tuple[SpecField, ...]:
    """Return the declared fields of a dataclass."""
    return tuple(map(declaration_of, fields(kind)))


def check_fields(
    declared: Iterable[SpecField], given: Mapping[str, Any], *, group: str = ""
) -> dict[str, Any]:
    """Return the checked values of the fields that are given; raises SpecError."""
    return {
        item.name: item.check(f"{group}.{item.name}" if group else item.name, given[item.name])
        for item in declared
        if given.get(item.name) is not None
    }


def require_known(
    owner: str, given: Iterable[Any], known: Sequence[str], *, elsewhere: Mapping[str, str] | None = None
) -> None:
    """Raise SpecError for a key that is not `known`; `elsewhere` says which key other words mean."""
    meant = {**(elsewhere or {}), **{key: key for key in known}}
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), meant, n=1)
            hint = f"the keys are {', '.join(known)}"
            if near:
                outside = f" outside {owner}" if meant[near[0]] == key else ""
                hint = f"did you mean {meant[near[0]]!r}{outside}?"
            raise SpecError(f"{owner} must have known keys only, got {shown(key)}; {hint}")


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names of their fields as an object with groups.

    >>> nested({"seed": 7, "limits.no_progress": 5, "limits.trial_timeout": 60})
    {'seed': 7, 'limits': {'no_progress': 5, 'trial_timeout': 60}}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        group, _, key = name.rpartition(".")
        (found.setdefault(group, {}) if group else found)[key] = value
    return found
