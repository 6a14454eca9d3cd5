"""The distribution's Chromium, driven by Playwright."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

expect.set_options(timeout=120_000)  # for a busy machine
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


def first_mark(page: Page, chart: str) -> tuple[float, float]:
    """Move the pointer over a chart until it is on a mark; return the place."""
    area = page.locator(f"{chart} .area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    for down in range(1, 20):
        for across in range(1, 60):
            x, y = box["x"] + box["width"] * across / 60, box["y"] + box["height"] * down / 20
            page.mouse.move(x, y)
            if page.locator(f"{chart} .tip").is_visible():
                return x, y
    pytest.fail(f"{chart} has no mark under the pointer")


def saved_csv(page: Page, button: str) -> tuple[str, list[dict[str, str]]]:
    """Return the name and the rows of the CSV file that a button downloads."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    with Path(download.value.path()).open(newline="") as file:
        return download.value.suggested_filename, list(csv.DictReader(file))
