"""`sparktune ui` and `sparktune report`, and the cost of the plugins for other processes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.login import Login
from airflow_sparktune.dashboard.page.html_report import report
from airflow_sparktune.dashboard.server import PAGE, has_studies, is_page, local_app, url_of
from airflow_sparktune.study.journal.follow import read_study
from tests.dashboard.helpers.pages import as_it_is
from tests.dashboard.helpers.segmented import application, segment
from tests.dashboard.helpers.synthetic import Writer


def study(tmp_path: Path) -> str:
    writer = Writer(str(tmp_path))
    writer.open(max_evals=10)
    writer.run(10)
    writer.close()
    return str(tmp_path)


def test_one_study_has_its_page(tmp_path: Path) -> None:
    login = Login(port=8501)
    app = local_app(study(tmp_path), login=login, mask=as_it_is)
    client = TestClient(app, base_url="http://127.0.0.1:8501")

    assert client.get(url_of(login)).url.path == PAGE
    assert client.get(f"{PAGE}study").json()["title"] == str(tmp_path)
    assert client.get(f"{PAGE}../../history").json()["runs"][0]["run_id"] == "here"


@pytest.mark.parametrize("folder", ["week.study", "week/g0"])
def test_an_application_has_its_table_and_the_pages_of_its_segments(tmp_path: Path, folder: str) -> None:
    address = str(tmp_path / folder)
    application(address, ("north", "south"))
    segment(address, "north")
    login = Login(port=8501)
    app = local_app(address, login=login, mask=as_it_is)
    client = TestClient(app, base_url="http://127.0.0.1:8501")

    assert is_page(address)
    assert "segments.js" in client.get(url_of(login)).text
    (block,) = client.get(f"{PAGE}segments").json()["blocks"]
    assert [(row["segment"], row["phase"]) for row in block["rows"]] == [
        ("north", "done"),
        ("south", "waiting"),
    ]
    assert client.get(f"{PAGE}study?segment=north").json()["title"] == f"{address}, segment north"
    assert client.get(f"{PAGE}study?segment=south").json()["phase"] == "none"
    (run,) = client.get(f"{PAGE}../../history").json()["runs"]
    assert run["segments"] == 1


def test_dns_rebinding_is_rejected(tmp_path: Path) -> None:
    """Also with the token, which the login would exchange for a cookie of the other name."""
    login = Login(port=8501)
    app = local_app(study(tmp_path), login=login, mask=as_it_is)
    client = TestClient(app, base_url="http://evil.example")

    assert client.get(f"{PAGE}study?token={login.token}").status_code == 400


def test_no_text_can_end_the_data_of_a_report(tmp_path: Path) -> None:
    follower = read_study(study(tmp_path))

    text = report(follower.study, title="</script><script>alert(1)</script>", mask=as_it_is)

    data = re.search(r'<script type="application/json" id="report">(.*?)</script>', text)
    assert data
    assert json.loads(data[1])["study"]["title"] == "</script><script>alert(1)</script>"
    assert text.count("<script") == 2
    assert not re.search(r"<(script|link)[^>]+(src|href)=", text)


def test_an_empty_study_has_a_report_too(tmp_path: Path) -> None:
    assert "</html>" in report(read_study(str(tmp_path)).study, title="nothing yet", mask=as_it_is)


@pytest.mark.integration
def test_loading_the_plugins_imports_no_web_framework_and_no_spark() -> None:
    program = (
        "import sys, airflow_sparktune.dashboard.plugin, airflow_sparktune.orchestrator.links;"
        "heavy = {'fastapi', 'optuna', 'pyspark', 'airflow_sparktune.orchestrator.operator'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout.splitlines()[-1] == "[]"


def test_a_storage_root_has_the_browser_and_the_pages_of_its_studies(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "churn" / "tune" / "r1" / "g0"))
    writer.open(max_evals=3)
    writer.run(3)
    writer.close()
    login = Login(port=8501)
    app = local_app(f"{tmp_path}/", login=login, mask=as_it_is)
    client = TestClient(app, base_url="http://127.0.0.1:8501")

    assert "studies.js" in client.get(url_of(login)).text
    _, row, end = (json.loads(line) for line in client.get("/studies").text.splitlines())
    assert (row["dag_id"], row["task_id"], row["last"]["run_id"], end["end"]) == ("churn", "tune", "r1", True)
    assert client.get("/dags/churn/tasks/tune/runs/r1/study").json()["phase"] == "done"


def test_a_folder_without_studies_has_no_page(tmp_path: Path) -> None:
    (tmp_path / "churn" / "notes").mkdir(parents=True)

    assert not has_studies(str(tmp_path))
    assert not has_studies(study(tmp_path / "one"))
