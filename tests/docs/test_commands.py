"""The reference lists the commands as they are."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
import pytest

from airflow_sparktune.cli.app import cli

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"


def test_every_option_of_a_command_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one with the name of an argument of a spec, in another command than `run`."""
    monkeypatch.syspath_prepend(EXTENSIONS)
    listed = importlib.import_module("tables").commands()
    sections = {part.partition("`")[0]: part for part in listed.split("### `sparktune ")[1:]}
    assert "All arguments of a [spec]" in sections.pop("run")
    for name, section in sections.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        options = [item for item in command.params if isinstance(item, click.Option) and item.help]
        assert [item.opts[0] for item in options if f"| `{item.opts[0]}" not in section] == []
        assert "All arguments of a [spec]" not in section
