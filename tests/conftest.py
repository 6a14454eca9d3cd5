from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator

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
