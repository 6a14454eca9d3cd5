"""The tables of the reference pages, as Markdown made from the package's own declarations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

import bounds
import click

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune import errors as package_errors
from airflow_sparktune.cli.app import COMMANDS, cli
from airflow_sparktune.orchestrator.arguments import After
from airflow_sparktune.orchestrator.provider import get_provider_info
from airflow_sparktune.study.definition import ARGUMENTS, IDENTITY, KEYS, SpecField
from airflow_sparktune.study.definition.confirm import Confirm
from airflow_sparktune.study.definition.execution import TrialResources
from airflow_sparktune.study.definition.group import declarations


def spec_fields() -> str:
    """Return the table of the arguments of a spec."""
    return _fields(ARGUMENTS)


def after_fields() -> str:
    """Return the table of the keys of the operator's group `after`."""
    return _fields(item.within("after") for item in declarations(After))


def confirm_fields() -> str:
    """Return the table of the keys of `retuning.confirm`."""
    return _fields(item.within("retuning.confirm") for item in declarations(Confirm))


def resource_fields() -> str:
    """Return the table of the keys of `execution.trial_resources`."""
    return _fields(item.within("execution.trial_resources") for item in declarations(TrialResources))


def limits() -> str:
    """Return the table of the sizes and times that the package limits."""
    return _table(("what", "limit", "beyond it"), bounds.rows())


def _fields(fields: Iterable[SpecField]) -> str:
    rows = [
        (f"`{item.name}`", item.takes, "required" if item.required else _default(item.default), item.doc)
        for item in fields
    ]
    return _table(("argument", "takes", "default", "meaning"), rows)


def operator_arguments() -> str:
    """Return the table of the operator's arguments that are not in the spec."""
    documented = dict(
        re.findall(r"^:param (\w+): (.*(?:\n +.*)*)", SparkTuneOperator.__doc__ or "", re.MULTILINE)
    )
    in_spec = {item.name for item in KEYS}
    parameters = inspect.signature(SparkTuneOperator.__init__).parameters
    rows = [
        (f"`{name}`", _default(parameters[name].default), " ".join(text.split()))
        for name, text in documented.items()
        if name not in in_spec
    ]
    return _table(("argument", "default", "meaning"), rows)


def identity() -> str:
    """Return the names of the fields that identify a study."""
    return ", ".join(f"`{name}`" for name in IDENTITY)


def configuration() -> str:
    """Return the table of the options in Airflow's configuration."""
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
    """Yield the name of each error, whether it is retried, and its docstring."""
    for kind in vars(package_errors).values():
        if isinstance(kind, type) and issubclass(kind, package_errors.SparktuneError):
            yield kind.__name__, "yes" if kind.retryable else "no", " ".join((kind.__doc__ or "").split())


def errors() -> str:
    """Return the table of errors."""
    return _table(("error", "retried", "meaning"), [(f"`{name}`", *rest) for name, *rest in _error_rows()])


def commands() -> str:
    """Return a section for each command of `sparktune`; arguments of the spec are on a separate page."""
    context, in_spec = click.Context(cli), {item.name.replace(".", "__") for item in ARGUMENTS}
    sections = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        of_spec = in_spec if in_spec <= {item.name for item in command.params} else set()
        rows = [(f"`{_usage(item)}`", _meaning(item)) for item in command.params if item.name not in of_spec]
        if of_spec:
            every = "All arguments of a [spec](spec-file.md); they override the file."
            rows.append(("`--max-evals`, `--limits.no-progress`, ...", every))
        sections.append(f"### `sparktune {name}`\n\n{_prose(command.help or '')}\n\n{_options(rows)}")
    return "\n\n".join(sections)


def _prose(text: str) -> str:
    """Return a command's help as Markdown; paragraphs marked for click become blocks of examples."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        f"```console\n{part[1:].strip()}\n```" if part.startswith("\b") else part for part in paragraphs
    )


def _options(rows: Sequence[tuple[str, str]]) -> str:
    described = [row for row in rows if row[1]]
    return _table(("option", "meaning"), described) if described else ""


def _usage(item: click.Parameter) -> str:
    if isinstance(item, click.Argument):
        return item.make_metavar(click.Context(cli))
    value = "" if item.is_flag else f" {item.metavar or item.type.name.upper()}"  # type: ignore[attr-defined]
    return f"{item.opts[0]}{value}"


def _meaning(item: click.Parameter) -> str:
    help_text = re.sub(r"--[a-z][\w-]*", r"`\g<0>`", getattr(item, "help", None) or "")
    return f"{help_text} Default: `{item.default}`." if getattr(item, "show_default", False) else help_text


def _default(value: object) -> str:
    return "" if value is None or value in ({}, [], ()) else f"`{value}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
