"""The distribution's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

expect.set_options(timeout=120_000)  # plotly is slow on a busy machine
NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ADVICE = "no browser found: install Chromium (apt-get install chromium) to run the browser tests"


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Yield a browser, or else skip the test, or fail it if SPARKTUNE_REQUIRE_BROWSER=1."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None and os.environ.get("SPARKTUNE_REQUIRE_BROWSER") == "1":
        pytest.fail(ADVICE)
    if path is None:
        pytest.skip(ADVICE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


def log_in(page: Page, url: str, user: str, password: str) -> None:
    """Log in to Airflow."""
    page.goto(f"{url}/")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Dags").first).to_be_visible()
