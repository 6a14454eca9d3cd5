"""`sparktune completion`: shell completion of commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


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
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"completion is not available for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "sparktune", "_SPARKTUNE_COMPLETE").source())
