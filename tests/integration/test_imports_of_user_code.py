"""The processes that import the modules in a spec's `module:name` references."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.airflow_site import PASSWORD, Site, logged_in

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def test_only_driver_and_executors_import_user_code(airflow: Site) -> None:
    """DAG processor, scheduler, task and API server do not import user code."""
    run = airflow.trigger("recorded")
    run.wait("success", "failed")
    assert run.state() == "success", run.log()
    page = f"{airflow.url}/sparktune/dags/recorded/tasks/tune/runs/{run.run}"
    for part in ("study", "importance?generation=0", "trials/0?generation=0", "report?generation=0"):
        answer = httpx.get(f"{page}/{part}", headers=logged_in(airflow.url, "admin", PASSWORD), timeout=60)
        assert answer.status_code == httpx.codes.OK, part
    processes = (airflow.home / "imported-by").read_text().splitlines()
    driver = [line for line in processes if "sparktune_launcher.py" in line]
    executors = [line for line in processes if "pyspark.daemon" in line]
    assert driver
    assert executors
    assert len(driver) + len(executors) == len(processes), processes
