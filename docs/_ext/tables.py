"""What the reference pages show, as Markdown made from the package's own declarations."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterable, Sequence

from airflow_sparktune import SparkTuneOperator, cli
from airflow_sparktune import errors as package_errors
from airflow_sparktune.orchestrator.provider import get_provider_info
from airflow_sparktune.study.spec import ARGUMENTS, IDENTITY


def spec_fields() -> str:
    """The arguments that make up a spec."""
    rows = [
        (f"`{item.name}`", item.takes, "required" if item.required else _default(item.default), item.doc)
        for item in ARGUMENTS
    ]
    return _table(("argument", "takes", "default", "meaning"), rows)


def operator_arguments() -> str:
    """The operator's arguments that are not in the spec."""
    documented = dict(
        re.findall(r"^:param (\w+): (.*(?:\n +.*)*)", SparkTuneOperator.__doc__ or "", re.MULTILINE)
    )
    in_spec = {item.name for item in ARGUMENTS}
    parameters = inspect.signature(SparkTuneOperator.__init__).parameters
    rows = [
        (f"`{name}`", _default(parameters[name].default), " ".join(text.split()))
        for name, text in documented.items()
        if name not in in_spec
    ]
    return _table(("argument", "default", "meaning"), rows)


def identity() -> str:
    """The names of the fields of which another value makes another study."""
    return ", ".join(f"`{name}`" for name in IDENTITY)


def configuration() -> str:
    """The section of Airflow's configuration."""
    options = get_provider_info()["config"]["sparktune"]["options"]
    rows = [
        (
            f"`{name}`",
            f"`AIRFLOW__SPARKTUNE__{name.upper()}`",
            f"{option['description']} Example: `{option['example']}`",
        )
        for name, option in options.items()
    ]
    return _table(("option", "environment variable", "meaning"), rows)


def _error_rows() -> Iterable[tuple[str, str, str]]:
    """Each deliberate error: its name, whether a retry can help, its docstring."""
    for kind in vars(package_errors).values():
        if isinstance(kind, type) and issubclass(kind, package_errors.SparktuneError):
            yield kind.__name__, "yes" if kind.retryable else "no", " ".join((kind.__doc__ or "").split())


def errors() -> str:
    """The table of errors."""
    return _table(("error", "retried", "meaning"), [(f"`{name}`", *rest) for name, *rest in _error_rows()])


def commands() -> str:
    """Each command of `sparktune` with its arguments."""
    parser = cli._parser()
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    sections = []
    for choice in subparsers._choices_actions:
        command = subparsers.choices[choice.dest]
        rows = [
            (f"`{_usage(action)}`", (action.help or "") % {"default": action.default})
            for action in command._actions
            if not isinstance(action, argparse._HelpAction)
        ]
        title = f"### `sparktune {choice.dest}`\n\n{(choice.help or '').capitalize()}.\n"
        sections.append(f"{title}\n{_table(('argument', 'meaning'), rows)}")
    return "\n\n".join(sections)


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return action.dest.upper()
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return f"{action.option_strings[-1]}{value}"


def _default(value: object) -> str:
    return "" if value is None or value in ({}, [], ()) else f"`{value}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
