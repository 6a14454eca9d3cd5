"""The segments of an application in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from airflow_sparktune.study.address import study_address
from tests.dashboard.helpers.browsers import saved_csv
from tests.dashboard.helpers.pages import RUN, TASK, client_of
from tests.dashboard.helpers.segmented import application, segment
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer

pytestmark = pytest.mark.integration
NAMES = ("north", "south", "east", "west", "far/north: é")
FAILED = {"type": "ValueError", "message": "no rows", "retryable": False}
WEEK_S = 7 * 86_400


def address_of_run(root: Path, run: str = "r1") -> str:
    return study_address(str(root), dag_id="churn", task_id="tune", run_id=run)


@pytest.fixture
def running(tmp_path: Path) -> Writer:
    """Write an application, and return the writer of its segment that runs."""
    address = address_of_run(tmp_path)
    application(address, NAMES, max_evals=9)
    segment(address, "north", trials=9, max_evals=9)
    segment(address, "south", trials=2, max_evals=9, close="error", error=FAILED)
    segment(address, NAMES[-1], trials=5, max_evals=9)
    return segment(address, "east", trials=3, max_evals=9, close=None)


@pytest.fixture
def site(tmp_path: Path, running: Writer) -> Iterator[str]:
    with served(client_of(tmp_path).app) as url:  # type: ignore[arg-type]
        yield url


@pytest.fixture
def rows(page: Page, site: str) -> Locator:
    """Return the rows of the table, which has read all segments."""
    page.goto(f"{site}{RUN}/")
    expect(page.locator("#segments-text")).to_have_text("5 of 5 segments")
    return page.locator("#segments tbody tr")


def names(rows: Locator) -> list[str]:
    return [row.split("\t")[1] for row in rows.all_inner_texts()]


def test_the_table_shows_what_needs_a_person_first_and_follows_the_segments(
    page: Page, rows: Locator, running: Writer
) -> None:
    assert names(rows) == ["south", "east", "north", NAMES[-1], "west"]
    expect(rows.nth(0)).to_contain_text("failed")
    expect(rows.nth(1)).to_contain_text("3 of 9")
    expect(page.locator("#headline")).to_have_text(
        "Running3 of 5 segments have ended, 1 run, 1 wait, 1 without a result"
    )
    expect(rows.nth(2).get_by_role("img")).to_have_attribute("aria-label", re.compile("^best loss so far"))
    rows.nth(2).evaluate("row => (row.title = 'the first')")

    running.run(3, first=3)

    expect(rows.nth(1)).to_contain_text("6 of 9")
    expect(rows.nth(2)).to_have_attribute("title", "the first")  # a row without news stays in place
    figure = page.get_by_role("button", name="needs a person")
    figure.click()
    expect(rows).to_have_count(1)
    figure.click()
    name, saved = saved_csv(page, "Download the segments as CSV")
    assert (name, [row["Segment"] for row in saved]) == ("segments_churn.tune_r1.csv", names(rows))


def test_a_click_opens_a_segment_and_the_way_leads_back_to_the_same_table(page: Page, rows: Locator) -> None:
    page.get_by_label("Filter State").select_option("done")
    expect(rows).to_have_count(2)
    rows.nth(0).click()
    expect(page.locator("#title")).to_have_text("Tuning: churn.tune, r1, segment north")
    expect(page.locator("#state")).to_contain_text("9 of 9 trials")
    page.get_by_role("link", name=f"The next segment, {NAMES[-1]}").click()
    expect(page.locator("#title")).to_contain_text(f"segment {NAMES[-1]}")
    expect(page.get_by_role("link", name="The next segment")).to_have_count(0)
    page.get_by_role("link", name="The previous segment, north").click()
    page.get_by_role("link", name="All segments").click()
    expect(rows).to_have_count(2)
    expect(page.get_by_label("Filter State")).to_have_value("done")


def test_a_link_to_a_segment_has_the_way_of_the_application(page: Page, site: str) -> None:
    page.goto(f"{site}{RUN}/?segment=south")
    expect(page.locator("#banner")).to_contain_text("no rows")
    expect(page.get_by_role("link", name="The previous segment, north")).to_be_visible()
    expect(page.get_by_role("link", name="The next segment, east")).to_be_visible()


def test_two_segments_can_be_compared(page: Page, rows: Locator) -> None:
    page.get_by_label("Select segment north").check()
    page.get_by_label(f"Select segment {NAMES[-1]}").check()
    page.locator("#segments-section .button", has_text="Compare").click()
    page.wait_for_url("**/compare/**")
    expect(page.locator("#results thead")).to_contain_text("north")
    expect(page.locator("#results thead")).to_contain_text(NAMES[-1])
    expect(page.locator("#subtitle")).to_have_text("churn.tune, r1")
    query = parse_qs(urlsplit(page.url).query)
    assert query["study"][0] == "churn/tune/r1/-1%3Anorth/0"
    page.get_by_role("button", name="Add a study…").click()
    page.get_by_label("Add a run").select_option(label="r1, east")
    expect(page.locator("#results thead")).to_contain_text("east")


def test_a_page_that_waits_for_the_driver_becomes_the_table(page: Page, tmp_path: Path, site: str) -> None:
    page.goto(f"{site}{TASK}/runs/r2/")
    expect(page.locator("#notices")).to_contain_text("No tuning here")

    application(address_of_run(tmp_path, "r2"), ("north", "south"))

    expect(page.locator("#segments-text")).to_have_text("2 of 2 segments")
    expect(page.locator("#headline")).to_contain_text("Waiting")


def test_the_history_compares_segments_and_the_browser_leads_to_them(
    page: Page, tmp_path: Path, site: str
) -> None:
    older = address_of_run(tmp_path, "r0")
    application(older, ("north", "gone"))
    for name in ("north", "gone"):
        segment(older, name, begun_s=-WEEK_S)
    page.goto(f"{site}{TASK}/")
    rows = page.locator("#weeks tbody tr")
    expect(page.locator("#runs tbody tr")).to_have_count(2)
    expect(rows).to_have_count(5)
    expect(rows.filter(has_text="gone")).to_contain_text("not in the last run")
    expect(rows.filter(has_text="north").nth(1).get_by_role("img")).to_have_count(1)
    rows.filter(has_text="gone").click()
    expect(page.locator("#title")).to_have_text("Tuning: churn.tune, r0, segment gone")

    page.goto(f"{site}/")
    expect(page.locator("#tasks-text")).to_have_text("1 of 1 tasks")
    page.get_by_role("link", name="4 segments").click()
    expect(page.locator("#segments-text")).to_have_text("5 of 5 segments")
