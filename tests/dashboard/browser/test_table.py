"""The table that all pages share: columns, filters, CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.dashboard.helpers.browsers import saved_csv
from tests.dashboard.helpers.pages import RUN, client_of
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer

pytestmark = pytest.mark.integration


@pytest.fixture
def trials(page: Page, tmp_path: Path, address: str) -> Iterator[Locator]:
    """Return the table of trials of a page with a finished study."""
    writer = Writer(address)
    writer.open(max_evals=40)
    writer.run(40)
    writer.close()
    with served(client_of(tmp_path).app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}{RUN}/")
        rows = page.locator("#trials tbody tr")
        expect(rows).to_have_count(40)
        yield rows


def test_each_column_has_a_filter(page: Page, trials: Locator) -> None:
    page.get_by_label("Filter booster").fill("DART")
    of_the_booster = trials.count()
    assert 0 < of_the_booster < 40
    expect(page.locator("#trials-text")).to_have_text(f"{of_the_booster} of 40 trials")
    page.get_by_label("Filter depth").fill("2..6")
    assert 0 < trials.count() < of_the_booster
    page.get_by_label("Filter Loss").fill("> 1000")
    expect(trials).to_have_count(0)


def test_chosen_columns_are_kept(page: Page, trials: Locator) -> None:
    head = page.locator("#trials thead")
    page.locator("#trials-section summary").click()
    page.get_by_role("checkbox", name="Run time").uncheck()
    expect(head).not_to_contain_text("Run time")
    page.keyboard.press("Escape")
    expect(page.get_by_role("checkbox", name="Run time")).to_be_hidden()

    page.reload()

    expect(trials).to_have_count(40)
    expect(head).to_contain_text("lr")
    expect(head).not_to_contain_text("Run time")


def test_the_csv_has_what_the_table_shows(page: Page, trials: Locator) -> None:
    page.get_by_label("Filter State").select_option("failed")
    page.get_by_role("button", name="Trial", exact=True).click()

    name, rows = saved_csv(page, "Download the trials as CSV")

    assert name == "trials_churn.tune-r1.csv"
    assert [row["Trial"] for row in rows] == ["4", "13", "22", "31"]
    assert rows[0]["Run time [s]"] == "0.25"
    assert rows[0]["Loss"] == ""
    assert rows[0]["lr"] == "0.2029591"  # the page shows 0.203
    assert rows[0]["Failure"] == "ValueError: matrix is singular"


def test_the_fields_of_a_csv_file(page: Page, trials: Locator) -> None:
    fields = {
        "-0.5": -0.5,
        "1e-7": 1e-7,
        "": None,
        "'=1+1": "=1+1",
        "'-2": "-2",
        '"a ""b"", c"': 'a "b", c',
        '"\'@x\nt"': "@x\nt",
    }
    for field, value in fields.items():
        assert csv_of(page, value) == f"x\r\n{field}\r\n"


def csv_of(page: Page, value: object) -> str:
    kind = "text" if isinstance(value, str) else "number"
    text: str = page.evaluate(
        """async ([value, kind]) => {
            const { csvOf } = await import("/dags/churn/static/csv.js");
            return csvOf([{ title: "x", kind, value: (row) => row, text: (row) => row }], [value]);
        }""",
        [value, kind],
    )
    return text
