"""A retuning in a real browser: the decision, its pairs, the champions, a rollback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, Route, expect

from tests.dashboard.helpers.browsers import saved_csv
from tests.dashboard.helpers.pages import TASK, client_of, nobody
from tests.dashboard.helpers.serving import served
from tests.driver.retuning.weeks import Weeks, noisy

pytestmark = pytest.mark.integration


@pytest.fixture
def weeks(tmp_path: Path) -> Weeks:
    """Write three weeks: first, kept, replaced."""
    weeks = Weeks(str(tmp_path / "churn" / "tune"))
    for number, optimum in enumerate((0.5, 0.5, 0.05)):
        weeks.run(f"w{number + 1}", noisy(optimum), seed=number + 3, warm_start="previous")
    return weeks


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    with served(client_of(tmp_path).app) as url:  # type: ignore[arg-type]
        yield url


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_decision_is_at_the_top_with_its_evidence(
    page: Page, site: str, weeks: Weeks, theme: str
) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.goto(f"{site}{TASK}/runs/w3/")

    expect(page.locator("#decision")).to_contain_text("Replaced")
    expect(page.locator("#decision")).to_contain_text("is better by 0.")
    expect(page.locator("#state")).to_contain_text("12 of 12 trials")
    expect(page.locator("#state")).to_contain_text("confirmed by 5 repeats")
    expect(page.locator("#state")).to_contain_text("in the search")
    rows = page.locator("#contenders tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("in production today")
    expect(page.locator("#contenders tr.best")).to_contain_text("wins")
    expect(page.locator("#changed")).to_contain_text("→")
    expect(page.locator("#confirmation-pairs .error")).to_have_count(4)
    expect(page.locator("#confirmation-differences .error")).to_have_count(3)
    legend = page.locator("#losses .legend")
    for words in ("champion", "warm start", "in production today"):
        expect(legend).to_contain_text(words)


def test_a_first_champion_is_compared_with_nothing(page: Page, site: str, weeks: Weeks) -> None:
    page.goto(f"{site}{TASK}/runs/w1/")

    expect(page.locator("#decision")).to_contain_text("First")
    expect(page.locator("#contenders tbody tr")).to_have_count(3)
    expect(page.locator("#contenders tr.best")).to_contain_text("first champion")
    expect(page.locator("#confirmation-differences")).to_be_hidden()


def test_no_noise_is_said(page: Page, site: str, tmp_path: Path) -> None:
    weeks = Weeks(str(tmp_path / "churn" / "tune"))
    weeks.run("w1", noisy(0.05, noise=0.0), retuning={"incumbent": {"x": 0.9}})
    page.goto(f"{site}{TASK}/runs/w1/")

    expect(page.locator("#decision")).to_contain_text("(5 pairs, no noise was measured)")
    expect(page.locator("#confirmation-text")).to_contain_text("No noise was measured, so")
    expect(page.locator("#contenders tr.best")).not_to_contain_text("±")


def test_the_table_shows_the_origin_of_each_trial(page: Page, site: str, weeks: Weeks) -> None:
    page.goto(f"{site}{TASK}/runs/w2/")
    expect(page.locator("#decision")).to_contain_text("Kept")

    search = page.get_by_label("Search trials")
    search.fill("repeat 1 of trial 0")
    row = page.locator("#trials tbody tr")
    expect(row).to_have_count(1)
    row.click()
    expect(page.locator("#panel")).to_contain_text("repeat 1 of trial 0")
    search.fill("warm start")
    expect(row.first).to_contain_text("warm start")
    search.fill("champion")
    expect(row).to_have_count(1)


def test_the_history_distinguishes_champion_and_challenger(page: Page, site: str, weeks: Weeks) -> None:
    page.goto(f"{site}{TASK}/")

    expect(page.locator("#champion-text")).to_contain_text("replaced")
    expect(page.locator("#entries tbody tr")).to_have_count(3)
    expect(page.locator("#champion .error")).to_have_count(5)
    expect(page.locator("#runs thead")).to_contain_text("Slot-hours")
    expect(page.locator("#runs tbody tr").nth(1)).to_contain_text("kept: ")


def test_a_rollback_asks_for_confirmation_and_is_shown(page: Page, site: str, weeks: Weeks) -> None:
    page.set_viewport_size({"width": 500, "height": 700})
    page.goto(f"{site}{TASK}/")
    button = page.get_by_role("button", name="Restore entry 1")
    expect(button).to_be_visible()  # the table is complete
    page.locator("#entries tbody tr").last.locator("td").first.scroll_into_view_if_needed()
    expect(button).to_be_in_viewport(ratio=1)
    button.click()
    dialog = page.get_by_role("dialog", name="Restore entry 1?")
    expect(dialog).to_contain_text("Airflow knows no event of production of this task")
    expect(dialog).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    button.click()
    assert len(weeks.record().history()) == 3

    dialog.get_by_role("button", name="Restore").click()

    expect(page.locator("#champion-notice")).to_contain_text("Entry 1 is the champion again, as entry 4")
    expect(page.locator("#champion-text")).to_contain_text("restored")
    expect(page.locator("#entries tbody tr")).to_have_count(4)
    expect(page.locator("#champion")).to_contain_text("back to 1")
    assert weeks.record().current().params == weeks.record().entry(1).params  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "words"), [(200, "champion got an event."), (403, "You may not emit events of this asset.")]
)
def test_a_rollback_offers_the_event_that_trains(
    page: Page, tmp_path: Path, weeks: Weeks, status: int, words: str
) -> None:
    """The asset is that of the task's last event; Airflow checks the user's right."""
    sent: list[Any] = []
    event = {"asset_id": 5, "name": "champion", "extra": {"decision": "first", "study": weeks.address("w1")}}
    other = {"asset_id": 6, "name": "other", "extra": {"decision": "first", "study": "/x/churn/other/w1/g0"}}

    def events(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.post_data_json)
            return route.fulfill(status=status, json={})
        return route.fulfill(json={"asset_events": [other, event]})

    page.route("**/api/v2/assets/events*", events)
    app = FastAPI()
    app.mount("/sparktune", client_of(tmp_path).app)
    with served(app) as url:
        page.goto(f"{url}/sparktune{TASK}/")
        page.get_by_role("button", name="Restore entry 1").click()
        page.get_by_label("Also emit an event of champion").check()
        page.get_by_role("dialog").get_by_role("button", name="Restore").click()
        expect(page.locator("#champion-notice")).to_contain_text(words)
        expect(page.locator("#entries tbody tr")).to_have_count(4)

    (body,) = sent
    first = weeks.record().entry(1)
    assert body["asset_id"] == 5
    assert (body["extra"]["decision"], body["extra"]["params"]) == ("restored", first.params)


def test_entries_link_to_their_run_and_name_its_data(page: Page, site: str, weeks: Weeks) -> None:
    page.goto(f"{site}{TASK}/")
    entry = page.locator("#entries tbody tr").first
    expect(entry).to_contain_text(re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"))

    entry.get_by_role("link", name="w3").click()

    expect(page.locator("#title")).to_have_text("Tuning: churn.tune, w3")


def test_a_user_without_edit_rights_gets_no_button(page: Page, tmp_path: Path, weeks: Weeks) -> None:
    with served(client_of(tmp_path, editor=nobody).app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}{TASK}/")
        expect(page.locator("#entries tbody tr")).to_have_count(3)
        page.wait_for_load_state("networkidle")
        expect(page.get_by_role("button", name="Restore entry")).to_have_count(0)


def test_segments_have_a_table(page: Page, site: str, tmp_path: Path) -> None:
    weeks = Weeks(str(tmp_path / "churn" / "tune"))
    for number, shop in enumerate(("porto", "berlin", "lyon")):
        weeks.run(f"{shop}/{number}", noisy(0.2 + number / 4), segment=shop, seed=number)
    page.goto(f"{site}{TASK}/")

    rows = page.locator("#segments tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("berlin")
    page.get_by_role("button", name="porto").click()
    expect(page.get_by_role("combobox", name="Segment", exact=True)).to_have_value("porto")
    expect(page.locator("#entries tbody tr")).to_have_count(1)
    expect(rows.filter(has_text="porto").locator(":focus")).to_have_count(1)

    page.get_by_label("Filter Segment").fill("ly")
    expect(page.locator("#segments-text")).to_have_text("1 of 3 segments")
    name, (lyon,) = saved_csv(page, "Download the segments as CSV")
    assert name == "segments_churn.tune.csv"
    assert (lyon["Segment"], lyon["Last entry"]) == ("lyon", "first")
    assert lyon["Since"] == lyon["When"] != ""
    assert float(lyon["Champion's loss"]) > 0


def test_the_tables_of_a_retuning_are_saved_as_csv(page: Page, site: str, weeks: Weeks) -> None:
    """They have numbers in full, and the columns that are shown."""
    page.goto(f"{site}{TASK}/")
    expect(page.locator("#entries-text")).to_have_text("3 of 3 entries")
    page.get_by_label("Filter What").fill("replaced")
    page.locator("#entries-section summary").click()
    page.locator("#entries-section").get_by_role("checkbox", name="Standard error").check()
    name, (entry,) = saved_csv(page, "Download the entries as CSV")
    assert name == "champions_churn.tune.csv"
    last = weeks.record().current()
    assert last is not None
    assert float(entry["Loss"]) == last.loss
    assert (entry["Entry"], entry["Run"], entry["Why"]) == (str(last.number), "w3", last.reason)
    assert float(entry["Better by"]) > float(entry["Standard error"]) > 0

    page.get_by_role("link", name="w3").last.click()

    expect(page.locator("#contenders-text")).to_have_text("4 of 4 contenders")
    name, (incumbent, *candidates) = saved_csv(page, "Download the contenders as CSV")
    assert name == "contenders_churn.tune-w3.csv"
    assert (incumbent["Standing"], incumbent["Better by"]) == ("in production today", "")
    assert [row["Better by"] for row in candidates if row["Standing"] == "wins"] == [entry["Better by"]]


def test_decisions_of_several_weeks_are_beside_each_other(page: Page, site: str, weeks: Weeks) -> None:
    studies = "&".join(f"study=churn/tune/w{week}/-1/0" for week in (1, 2, 3))
    page.goto(f"{site}/compare/?{studies}")

    decision = page.locator("#results tr", has_text="Decision").locator("td")
    expect(decision).to_have_text([re.compile(each) for each in ("^first", "^kept", "^replaced")])
