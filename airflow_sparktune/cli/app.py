"""The command-line program: its commands, which are imported on use, and its exit codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from airflow_sparktune import connections
from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.version import __version__

# Name -> (the module of this folder with the command, its line in the help).
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "Write a spec and an objective to start from."),
    "run": ("run", "Run a study, or continue it."),
    "doctor": ("run", "Check storage, connection, driver, executor and reports by one tiny job."),
    "show": ("show", "Print the trials and the result of a study."),
    "list": ("studies", "List the studies below a folder or URL."),
    "compare": ("studies", "Print studies side by side: their results and the differences of their specs."),
    "remove": ("studies", "Remove old studies below a folder or URL; asks for confirmation."),
    "champion": ("champion", "Print the champion of a task or its history, or restore an earlier one."),
    "stop": ("write", "Ask a running study to end with its best result so far."),
    "note": ("write", "Print the note of a study, or write one."),
    "ui": ("page", "Serve Airflow's pages for one study, or for all studies below a storage root."),
    "report": ("page", "Write the page of a study into a standalone HTML file."),
    "track": ("track", "Send a study, or the parts that are missing, to a tracker."),
    "completion": ("app", "Print the completion script of a shell."),
}

INTERRUPTED = 130


class Commands(click.Group):
    """The commands by name. Listing them imports none, so that the help appears at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return all names, in the order of a typical workflow."""
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
    sparktune run spec.yaml --max-evals 200       continue with a higher limit
    sparktune show spec.study                     every trial and the result
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    sparktune completion bash >> ~/.bashrc
    sparktune completion zsh >> ~/.zshrc
    sparktune completion fish > ~/.config/fish/completions/sparktune.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"completion is not available for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "sparktune", "_SPARKTUNE_COMPLETE").source())


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code.

    0: success. 1: failed, a retry may help. 2: failed, something must be fixed first. 130: Ctrl-C.
    143: SIGTERM.
    """
    connections.register()
    try:
        code = cli.main(
            args=None if argv is None else list(argv), prog_name="sparktune", standalone_mode=False
        )
        return int(code or 0)
    except SparktuneError as error:
        from airflow_sparktune.printable import printable

        click.echo(f"sparktune: {printable(str(error))}", err=True)
        return 1 if error.retryable else 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("sparktune: interrupted; run the same command to continue", err=True)
        return INTERRUPTED
