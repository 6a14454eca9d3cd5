"""The program: its commands, loaded when one is used, and the exit code of each way to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from airflow_sparktune import __version__, connections
from airflow_sparktune.errors import SparktuneError

# Each in the module of this folder that has a command of the same name, with its line in the list.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "Write a spec and an objective to start from."),
    "run": ("run", "Run a study, or go on with it."),
    "show": ("show", "Print the trials and the result of a study."),
    "list": ("studies", "List the studies below a folder or URL."),
    "compare": ("studies", "Print two studies side by side: their results, and where their specs differ."),
    "prune": ("studies", "Remove old studies below a folder or URL; asks first."),
    "champion": ("champion", "Print the champion of a task, its history, or bring an earlier one back."),
    "stop": ("stop", "Ask a running study to end with what it has found."),
    "ui": ("page", "Serve the page of Airflow's Tuning tab for one study."),
    "report": ("page", "Write the page of a study into one HTML file that needs no server."),
    "track": ("track", "Send to a tracker what it lacks of a study."),
    "completion": ("completion", "Print the completion script of a shell."),
}

INTERRUPTED = 130


class Commands(click.Group):
    """Commands by name; listing them imports none, so that help appears at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return all names, in the order in which a user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command from its module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"airflow_sparktune.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands into the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sparktune")
def cli() -> None:
    """Tune hyperparameters on Spark.

    \b
    sparktune init                                a spec and an objective to start from
    sparktune run spec.yaml                       on this machine
    sparktune run spec.yaml --max-evals 200       run again, it goes further
    sparktune show spec.study                     every trial and the result
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code.

    0 done, 1 another try can help, 2 something has to be repaired first, 130 Ctrl-C, 143 SIGTERM.
    """
    connections.register()
    try:
        code = cli.main(
            args=None if argv is None else list(argv), prog_name="sparktune", standalone_mode=False
        )
        return int(code or 0)
    except SparktuneError as error:
        from airflow_sparktune.study.journal.bounds import printable

        click.echo(f"sparktune: {printable(str(error))}", err=True)
        return 1 if error.retryable else 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("sparktune: interrupted; the same command goes on where it stopped", err=True)
        return INTERRUPTED
