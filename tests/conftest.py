from __future__ import annotations

import logging
import os
import re
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.integration.airflow_site import Site, standalone

# Before anything imports Airflow: no test reads or writes the user's own Airflow home.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="sparktune-tests-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
# py4j logs each connection that it closes, long after pytest has closed the streams.
logging.getLogger("py4j").setLevel(logging.WARNING)
# A shell starts background jobs (`nohup make test &`) with SIGINT ignored, and children inherit that; some
# tests interrupt programs that they started.
signal.signal(signal.SIGINT, signal.default_int_handler)
# No deadline: how long one example takes depends on what else the machine does.
settings.register_profile("sparktune", deadline=None, max_examples=50)
settings.load_profile("sparktune")


ROOT = Path(__file__).parents[1]
# Fixtures that take long to start, and the files of their tests. A test with several counts for the first.
TOGETHER = {
    "airflow": "tests/(dashboard/browser/test_airflow_tab|integration/test_(ai|defer|im|retun|track|yarn))",
    "cluster": "tests/integration/test_(standalone|user_code)",
    "kubernetes": "tests/kubernetes/",
    "spark": "tests/driver/(engines/|fmin/|spark/|test_attempt)",
    "browser": "tests/dashboard/browser/",
    "server": "tests/tracking/test_mlflow_server",
}


def together(test: str) -> str:
    """Return the costly fixture for whose tests this one runs, or its own name."""
    return next((fixture for fixture, files in TOGETHER.items() if re.match(files, test)), test)


@pytest.hookimpl(optionalhook=True)  # pytest-xdist is not there with another release of Spark
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Start each costly fixture in one process only: `-n 2 --dist loadscope`."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = together
    return scheduler


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that uses a costly fixture and is not among its tests."""
    for item in items:
        costly = next((name for name in TOGETHER if name in getattr(item, "fixturenames", ())), None)
        if costly and together(item.nodeid) != costly:
            raise pytest.UsageError(f"{item.nodeid} uses {costly}: add its file to TOGETHER")


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one Airflow for all tests, with the examples and the DAGs of the tests."""
    tests = ROOT / "tests"
    bundles = {
        "examples": ROOT / "dags",
        "scenarios": tests / "integration" / "dags",
        "watched": tests / "dashboard" / "site" / "dags",
    }
    with standalone(tmp_path_factory.mktemp("airflow"), bundles=bundles) as site:
        yield site


@pytest.fixture(autouse=True)
def _package_logger_unchanged() -> Iterator[None]:
    """Fail a test that leaves the package's logger changed: later tests would miss what is logged."""
    logger = logging.getLogger("airflow_sparktune")
    before = logger.level, logger.disabled, logger.propagate
    yield
    assert (logger.level, logger.disabled, logger.propagate) == before


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each reason for skipped tests once, with the number of tests; a reason says what to install."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("skipped")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} test{'s' if count > 1 else ''}: {reason}")
