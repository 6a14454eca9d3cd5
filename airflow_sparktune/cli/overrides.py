"""Add an option for each argument of a spec, which overrides the value in the spec file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import ARGUMENTS, SpecField
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.json_values import shown

Command = Callable[..., Any]


def spec_options(command: Command) -> Command:
    """Add the options to a click command."""
    for item in reversed(ARGUMENTS):
        command = _option(item)(command)
    return command


def fields_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the given options by the names of the spec's fields."""
    names = {_parameter(item): item.name for item in ARGUMENTS}
    return {names[key]: _value(names[key], value) for key, value in options.items() if value is not None}


def _option(item: SpecField) -> Callable[[Command], Command]:
    name = item.name.replace("_", "-")
    if item.takes == "flag":
        return click.option(f"--{name}/--no-{name}", _parameter(item), default=None, help=_help(item))
    return click.option(f"--{name}", _parameter(item), metavar=_metavar(item), help=_help(item))


def _metavar(item: SpecField) -> str:
    """Return what an option takes, as click writes it: COUNT|OBJECT."""
    return re.sub(r", | or ", "|", item.takes).replace(" ", "-").upper()


def _parameter(item: SpecField) -> str:
    """Return the name of an option's value in Python."""
    return item.name.replace(".", "__")


def _help(item: SpecField) -> str:
    default = item.default
    text = item.doc.replace("`", "")
    return text if item.required or default in (None, [], {}, "") else f"{text}  [default: {default}]"


def _value(name: str, value: Any) -> Any:
    """Parse an object or a list as JSON; leave other text to the field's check."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return decoded(value.encode())
    except ValueError as error:
        option = name.replace("_", "-")
        raise SpecError(
            f"--{option} must be valid JSON if it is an object or a list, got {shown(value)}: {error}"
        ) from None
