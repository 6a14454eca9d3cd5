"""`sparktune init`: write a spec and an objective to start from."""

from __future__ import annotations

from pathlib import Path

import click

from airflow_sparktune.errors import SpecError

SPEC = """\
# For all keys, see sparktune run --help or the reference documentation.
objective: objective:loss        # the function loss in objective.py beside this file
space:
  lr: {loguniform: [0.0001, 1.0]}
  depth: {uniformint: [2, 12]}
  booster: {choice: [gbtree, dart]}
max_evals: 40
seed: 7                          # makes the study repeatable
# objective_kwargs: {data: s3://lake/churn/today}
# parallelism: 8                 # unset: every slot of the cluster
# timeout: 1800                  # seconds
# limits: {trial_timeout: 60, no_progress: 15}
# conf: {spark.executor.memory: 2g}
"""

OBJECTIVE = '''\
"""The objective: params in, loss out. It runs in Spark's Python workers, many times per process."""


def loss(params: dict) -> float:
    """Return the loss, lower is better; an exception fails only this trial."""
    # Train a model with params here, and return its validation loss.
    penalty = 0.1 if params["booster"] == "dart" else 0.0
    return (params["lr"] - 0.1) ** 2 + abs(params["depth"] - 6) / 100 + penalty
'''


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace existing files.")
def init_command(folder: Path, force: bool) -> None:
    """Write a spec and an objective to start from.

    \b
    sparktune init churn && sparktune run churn/spec.yaml
    """
    files = {folder / "spec.yaml": SPEC, folder / "objective.py": OBJECTIVE}
    taken = [path for path in files if path.exists()]
    if taken and not force:
        raise SpecError(
            f"init must not replace a file, but {taken[0]} exists; name another folder, or add --force"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        click.echo(path)
    click.echo(f"\nnext: sparktune run {folder / 'spec.yaml'}")
