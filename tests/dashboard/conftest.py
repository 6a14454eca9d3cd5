from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page

from airflow_sparktune.study.address import study_address
from tests.dashboard.helpers.browsers import a_browser
from tests.dashboard.helpers.pages import client_of

collect_ignore = ["site"]  # loaded by the real Airflow of the browser tests
ARTIFACTS = Path(__file__).parent.parent / "artifacts"


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Return the address of the study of the page at RUN."""
    return study_address(str(tmp_path), dag_id="churn", task_id="tune", run_id="r1")


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Return the page's application, which accepts every user and does not pause between two reads."""
    return client_of(tmp_path)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser for the tests of this folder. While it is open, no other test can start an event loop."""
    with a_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Yield a browser page; any error in it fails the test. A screenshot is stored in tests/artifacts."""
    context = browser.new_context(viewport={"width": 1300, "height": 950}, color_scheme="light")
    context.set_default_timeout(120_000)  # for a busy machine
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: (errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield page
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{request.node.name}.png", full_page=True)
    context.close()
    assert errors == []
