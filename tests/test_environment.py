"""The installed environment is consistent, and Airflow finds the provider."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from importlib import import_module
from importlib.metadata import distribution, entry_points, version
from importlib.util import find_spec
from pathlib import Path

import pytest

from airflow_sparktune.orchestrator.provider import get_provider_info

ROOT = Path(__file__).parent.parent


def test_pyspark_and_its_client_have_the_same_release() -> None:
    """Both install the same files into pyspark/, so at different releases the last one silently wins."""
    assert version("pyspark") == version("pyspark-client")


def test_the_files_of_pyspark_match_its_record() -> None:
    """The files on disk match pyspark's own record, whichever of the two was installed last."""
    spark = distribution("pyspark")
    shared = {str(file) for file in spark.files} & {
        str(file) for file in distribution("pyspark-client").files
    }
    modules = [file for file in spark.files if str(file) in shared and file.suffix == ".py" and file.hash]
    assert len(modules) > 100
    for file in modules:
        digest = hashlib.new(file.hash.mode, Path(file.locate()).read_bytes()).digest()
        assert file.hash.value == _unpadded(digest), file


def test_airflow_finds_the_provider() -> None:
    """With another name than the distribution's in the metadata, every airflow command would crash."""
    (entry,) = [
        item
        for item in entry_points(group="apache_airflow_provider")
        if item.dist.name == "airflow-sparktune"
    ]
    info = entry.load()()
    assert info == get_provider_info()
    assert info["package-name"] == "airflow-sparktune"


def test_everything_that_the_provider_lists_exists() -> None:
    """Modules, classes and guides exist, and the data match Airflow's schema."""
    import airflow
    import jsonschema

    info = get_provider_info()
    schema = json.loads(Path(airflow.__file__).with_name("provider_info.schema.json").read_text())
    jsonschema.validate(info, schema)
    for group in info["operators"]:
        assert all(find_spec(module) for module in group["python-modules"])
    for name in [*info["extra-links"], *(item["class-name"] for item in info["task-decorators"])]:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute)
    for guide in info["integrations"][0]["how-to-guide"]:
        assert (ROOT / guide.lstrip("/")).exists()


def test_airflow_knows_the_decorator() -> None:
    """`@task.sparktune` exists by the provider's entry point."""
    from airflow.sdk import task

    from airflow_sparktune.orchestrator.decorator import sparktune_task

    assert task.sparktune.__name__ == sparktune_task.__name__


@pytest.mark.integration
def test_importing_the_operator_is_cheap() -> None:
    """Besides the Spark provider's operator, it imports no heavy library."""
    heavy = ("pyspark", "hyperopt", "scipy", "pandas", "numpy")
    code = (
        "import json, sys\n"
        "from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator\n"
        "before = set(sys.modules)\n"
        "from airflow_sparktune import SparkTuneOperator\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    told = subprocess.check_output([sys.executable, "-c", code], text=True, stderr=subprocess.DEVNULL)
    added = json.loads(told.splitlines()[-1])
    assert not [name for name in added if name.split(".")[0] in heavy]


def test_constraints_contain_only_versions() -> None:
    """The user chooses the index from which packages are installed."""
    constraints = (ROOT / "constraints.txt").read_text()
    assert "://" not in constraints
    assert "--" not in constraints


def _unpadded(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode().rstrip("=")
