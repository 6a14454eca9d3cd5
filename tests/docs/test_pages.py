"""Every code block of the documentation runs or is checked against the real signatures; every link works.

The Python blocks of a page run in one namespace. The line before a block that starts Spark is
`<!-- needs Spark -->`. Before a block that no test can run (it needs a cluster, a model) it is
`<!-- not run: reason -->`; such a block is only compiled and checked. A block whose first line is
`# name.py` or `# name.yaml` is a file that the page's other blocks may import.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import json
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import airflow_sparktune
from airflow_sparktune import space
from airflow_sparktune.cli.app import cli
from airflow_sparktune.orchestrator.arguments import SEGMENT_ARGUMENTS
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal import events
from airflow_sparktune.study.segments import segments_given
from tests.docs.pages import PAGES, ROOT, Block, all_blocks, blocks

PYTHON = all_blocks("python")
RUN = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]


def of_page(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a current folder from which a test can import modules, and unload them afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


def write_files(page: Path, folder: Path) -> None:
    """Write the page's named files, for its other blocks to import."""
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text)


def run(page: Path, folder: Path, *, spark: bool) -> None:
    """Execute the page's blocks in order; those that start Spark run only with `spark`."""
    write_files(page, folder)
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        skipped = block.note.startswith("not run") or (block.note == "needs Spark" and not spark)
        if block.language == "python" and not block.is_dag and not skipped:
            try:
                exec(compile(block.text, str(block), "exec"), namespace)
            except Exception as error:
                error.add_note(
                    f"in the block at {block}; if it starts Spark, put <!-- needs Spark --> before it, "
                    "or <!-- not run: reason --> if no test can run it"
                )
                raise


@pytest.mark.parametrize("page", RUN, ids=of_page)
def test_python_blocks_run(page: Path, folder: Path) -> None:
    """They run in order, except those that start Spark."""
    run(page, folder, spark=False)


@pytest.mark.integration
@pytest.mark.parametrize(
    "page", [page for page in RUN if any(block.note == "needs Spark" for block in blocks(page))], ids=of_page
)
def test_python_blocks_that_start_spark_run(page: Path, folder: Path) -> None:
    """They use a local session, which the test stops."""
    from pyspark import SparkContext

    try:
        run(page, folder, spark=True)
    finally:
        SparkContext.getOrCreate().stop()


@pytest.mark.parametrize("block", [block for block in PYTHON if block.is_dag], ids=str)
def test_dags_load(block: Block, folder: Path) -> None:
    """Airflow loads the DAG without an error; the tuning task has a downstream task or an outlet."""
    from airflow.dag_processing.dagbag import DagBag

    write_files(block.page, folder)
    bag = DagBag(dag_folder=str(folder / str(block.file)))
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    started_by_asset = hasattr(dag.timetable, "asset_condition")
    assert any(task.downstream_task_ids or task.outlets for task in dag.tasks) or started_by_asset


@pytest.mark.parametrize("block", [block for block in PYTHON if block.is_test], ids=str)
def test_tests_pass(block: Block, folder: Path) -> None:
    """A file of tests passes with the page's other files."""
    write_files(block.page, folder)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(block.file)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block", [block for block in PYTHON if block.note], ids=str)
def test_calls_in_other_blocks_match_the_signatures(block: Block) -> None:
    """The blocks compile, and calls of the package's names bind to their signatures."""
    imported: dict[str, Any] = {}
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_sparktune"):
            for alias in node.names:
                module = __import__(str(node.module), fromlist=[alias.name])
                imported[alias.asname or alias.name] = getattr(module, alias.name)
    known = {"SparkTuneOperator": airflow_sparktune.SparkTuneOperator, **vars(space), **imported}
    for node in ast.walk(ast.parse(block.text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        function = known.get(node.func.id)
        if function is None or node.func.id in vars(builtins):
            continue
        if any(isinstance(argument, ast.Starred) for argument in node.args) or None in [
            k.arg for k in node.keywords
        ]:
            continue
        keywords = {str(keyword.arg): None for keyword in node.keywords}
        inspect.signature(function).bind(*([None] * len(node.args)), **keywords)


@pytest.mark.parametrize("block", all_blocks("yaml", "json"), ids=str)
def test_data_blocks_are_valid(block: Block) -> None:
    """YAML and JSON can be read; a file with an objective is a spec."""
    found = yaml.safe_load(block.text) if block.language == "yaml" else json.loads(block.text)
    if isinstance(found, dict) and "objective" in found:
        found.pop("conf", None)
        segments = {name: found.pop(name, None) for name in SEGMENT_ARGUMENTS}
        spec = Spec.of(**found)
        assert spec.to_json()["objective"] == found["objective"]
        segments_given(spec, **segments)


@pytest.mark.parametrize("block", all_blocks("console"), ids=str)
def test_commands_exist(block: Block) -> None:
    """`sparktune` accepts the arguments, make has the target, and the extras are declared."""
    makefile = (ROOT / "Makefile").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for line in block.text.splitlines():
        program, *arguments = shlex.split(line, comments=True) or [""]
        if program == "sparktune":
            command = cli.get_command(click.Context(cli), arguments[0])
            assert command is not None, line
            command.make_context(arguments[0], arguments[1:])
        if program == "make":
            assert re.search(rf"^{re.escape(arguments[0])}:", makefile, re.MULTILINE), line
        for wanted in re.findall(r"airflow-sparktune\[([\w,]+)\]", line):
            assert set(wanted.split(",")) <= set(extras), line


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_links_point_to_files(page: Path) -> None:
    """Sphinx checks the links of its pages; this test also checks the README and pictures."""
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_page_is_in_a_toctree() -> None:
    """index.md has all pages, in the order in which people need them."""
    index = (ROOT / "docs" / "index.md").read_text()
    for page in PAGES[1:]:
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        assert name == "index" or f"\n{name}\n" in index, f"add {name} to a toctree in docs/index.md"


def test_the_journal_page_names_every_event_with_its_fields() -> None:
    """The page must describe new kinds of events and new fields."""
    page = (ROOT / "docs" / "reference" / "journal.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for kind in (each for each in vars(events).values() if isinstance(each, type)):
        if issubclass(kind, events.Event) and kind.KIND:
            own = {each.name for each in fields(kind)} - {each.name for each in fields(events.Event)}
            assert all(f"`{name}`" in rows[kind.KIND] for name in own), kind
