"""The README's code is run, and what it names exists."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_sparktune.cli import main
from airflow_sparktune.study.spec import Spec

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def named(name: str) -> str:
    """The block whose first line is `# name`."""
    return next(text for _, text in BLOCKS if text.startswith(f"# {name}\n"))


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path with every block that has a file's name."""
    for _, text in BLOCKS:
        if match := re.match(r"# (\S+\.\w+)\n", text):
            (tmp_path / match[1]).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("churn", "notebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.integration
def test_python_blocks_run(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, as a reader would type them; the last one starts Spark."""
    from pyspark import SparkContext

    monkeypatch.chdir(modules)
    namespace: dict[str, Any] = {}
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, "README.md", "exec"), namespace)
    SparkContext.getOrCreate().stop()


@pytest.mark.parametrize("dag", ["retune_churn", "retune_inline"])
def test_dags_have_a_tuning_and_a_training_task(modules: Path, dag: str) -> None:
    """The DAG files load in Airflow, and the params flow from one task to the other."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(modules / f"{dag}.py"))
    assert bag.import_errors == {}
    assert bag.dags[dag].get_task("tune").downstream_task_ids == {"train"}


def test_objective_and_space_of_the_notebook_work(modules: Path) -> None:
    """The hyperopt space is taken as it is, and its objective's result too."""
    from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler
    from airflow_sparktune.executor.evaluate import Call, Task, run
    from airflow_sparktune.executor.objective import TrialInfo

    sampler = HyperoptSampler("notebook:SPACE", "tpe")
    params = sampler.ask(0, seed=1).params
    reply = run(Task("notebook:objective", {}), Call(params, TrialInfo(0, 1, 1, 1)))
    assert reply.loss == params["C"] ** 2


def test_spec_file_is_a_spec() -> None:
    """`sparktune run` takes what the README shows."""
    assert Spec.of(**yaml.safe_load(named("spec.yaml"))).max_evals == 20


def test_commands_exist() -> None:
    """Every make target and sparktune command that is named is there."""
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^    |`)make (\w+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    commands = set(re.findall(r"^    sparktune (\w+)", README, re.MULTILINE))
    assert commands == {"run", "show", "ui", "report"}
    for command in commands:
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])


def test_arguments_exist() -> None:
    """Every argument in the table of limits is one of the spec's."""
    table = README.split("## Limits")[1].split("## Errors")[0]
    for name in re.findall(r"^\| `(\w+)`", table, re.MULTILINE):
        assert name in Spec.__slots__, name
