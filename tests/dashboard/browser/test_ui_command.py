"""`sparktune ui` in a real browser: the printed address opens the page, which may stop the study."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from airflow_sparktune.dashboard.server import PAGE
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.storage import open_storage
from tests.dashboard.conftest import ARTIFACTS
from tests.dashboard.helpers.synthetic import Writer
from tests.integration.airflow_site import free_port, wait_for

pytestmark = pytest.mark.integration

SPARKTUNE = str(Path(sys.executable).parent / "sparktune")


def answers(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[str]:
    """The address that `sparktune ui` prints for a running study; the server runs in this context."""
    writer = Writer(str(tmp_path))
    writer.open()
    writer.run(5)
    command = [SPARKTUNE, "ui", str(tmp_path), "--port", str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            address = server.stdout.readline().split()[0]
            wait_for(lambda: answers(address), what="an answer of sparktune ui")
            yield address
        finally:
            server.send_signal(signal.SIGINT)


def test_only_the_browser_with_the_address_gets_the_page(
    page: Page, browser: Browser, printed: str, tmp_path: Path
) -> None:
    page.goto(printed)

    assert urlsplit(page.url)[2:] == (PAGE, "", "")  # the token is gone from the address
    expect(page.locator("#state")).to_contain_text("5 of 20 trials")
    page.reload()
    expect(page.locator("#state")).to_contain_text("5 of 20 trials")
    page.get_by_role("button", name="Stop and keep the best").click()
    expect(page.locator("#notices")).to_contain_text("keeps the best trial")
    assert stop_requested(open_storage(str(tmp_path)), attempt=1) is not None

    other = browser.new_context().new_page()
    for path in ("/", PAGE):
        other.goto(f"http://{urlsplit(printed).netloc}{path}")
        expect(other.locator("body")).to_contain_text("Copy the whole address that sparktune ui printed")
    ARTIFACTS.mkdir(exist_ok=True)
    other.screenshot(path=ARTIFACTS / "ui_without_token.png")
    other.context.close()


def test_a_page_of_an_earlier_server_says_how_to_get_in(page: Page, printed: str) -> None:
    page.goto(printed)
    expect(page.locator("#state")).to_contain_text("5 of 20 trials")

    page.context.clear_cookies()

    expect(page.locator("#notices")).to_contain_text("Open the address that `sparktune ui` printed last")
