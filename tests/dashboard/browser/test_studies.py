"""The browser of all studies in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from airflow_sparktune.study.address import study_address
from tests.dashboard.helpers.browsers import saved_csv
from tests.dashboard.helpers.pages import Granted, client_of
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer
from tests.driver.retuning.weeks import Weeks, noisy

pytestmark = pytest.mark.integration
DAY_S = 86_400


def study(root: Path, dag: str, run: str = "r1", *, age_s: float = 0.0, trials: int = 5) -> Writer:
    """Write a study that has not ended."""
    writer = Writer(study_address(str(root), dag_id=dag, task_id="tune", run_id=run))
    writer.now = time.time() - age_s - 10
    writer.open(max_evals=trials or 9)
    writer.run(trials)
    return writer


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a storage root: a finished study, a failed one, a starting one, an old one, and a champion's."""
    root = tmp_path_factory.mktemp("root")
    study(root, "churn", "r1", age_s=2 * DAY_S, trials=3).close()
    study(root, "churn", "r2", trials=7).close()
    study(root, "fraud").close(
        "error", error={"type": "ValueError", "message": "no data", "retryable": False}
    )
    study(root, "pricing", trials=0)  # before its first trial, a study has 15 minutes until it is lost
    study(root, "forecast", age_s=30 * DAY_S).close()
    weeks = Weeks(str(root / "ranking" / "tune"))
    for number, optimum in enumerate((0.5, 0.05)):
        weeks.run(f"w{number + 1}", noisy(optimum), seed=number + 3)
    return root


@pytest.fixture(scope="module")
def site(root: Path) -> Iterator[str]:
    with served(client_of(root).app) as url:  # type: ignore[arg-type]
        yield url


@pytest.fixture
def tasks(page: Page, site: str) -> Locator:
    """Return the rows of the browser, which has read them all."""
    page.goto(f"{site}/")
    expect(page.locator("#tasks-text")).to_have_text("5 of 5 tasks")
    return page.locator("#tasks tbody tr")


def dags(rows: Locator) -> list[str]:
    return [row.split("\t")[1] for row in rows.all_inner_texts()]


def test_each_task_shows_its_last_study_and_its_champion(page: Page, tasks: Locator) -> None:
    churn, ranking = tasks.filter(has_text="churn"), tasks.filter(has_text="ranking")
    expect(churn).to_contain_text("done")
    expect(churn.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("^best loss of the last 2 studies")
    )
    expect(ranking).to_contain_text("Replaced")
    expect(ranking).to_contain_text("x=0.")
    expect(tasks.filter(has_text="fraud")).to_contain_text("failed")
    expect(tasks.filter(has_text="pricing")).to_contain_text("starting")
    expect(page.locator("#week")).to_contain_text("4 of 5tuned in the last 7 days")


def test_a_row_leads_to_the_study_and_its_names_to_the_history(page: Page, tasks: Locator) -> None:
    tasks.filter(has_text="churn").get_by_text("done").click()
    expect(page.locator("#state")).to_contain_text("7 of 7 trials")
    page.go_back()
    tasks.filter(has_text="churn").get_by_role("link", name="tune").click()
    expect(page.locator("#runs tbody tr")).to_have_count(2)


def test_a_link_shows_the_same_view(page: Page, tasks: Locator) -> None:
    page.get_by_label("Filter State").select_option("done")
    page.get_by_label("Filter Last study").fill("< 7d")
    page.get_by_role("button", name="DAG", exact=True).click()
    page.get_by_role("button", name="DAG", exact=True).click()
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Trend").uncheck()
    page.get_by_role("checkbox", name="Trials").check()
    page.get_by_label("Search tasks").fill("tune")
    view = {"q": "tune", "sort": "-dag", "state": "done", "when": "< 7d", "show": "trials", "hide": "trend"}
    shown = {f"tasks.{key}": text for key, text in view.items()}
    assert dict(parse_qsl(page.evaluate("location.hash.slice(1)"))) == shown

    page.evaluate("localStorage.clear()")
    page.reload()

    expect(page.locator("#tasks-text")).to_have_text("2 of 5 tasks")
    assert dags(tasks) == ["ranking", "churn"]
    expect(page.locator("#tasks thead")).to_contain_text("Trials")
    expect(page.locator("#tasks thead")).not_to_contain_text("Trend")
    expect(page.locator("th[data-column=dag]")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_label("Filter Last study")).to_have_value("< 7d")

    page.evaluate("location.hash = 'tasks.state=failed'")  # another link, in the same tab

    expect(page.locator("#tasks-text")).to_have_text("1 of 5 tasks")


def test_a_figure_of_the_week_filters_the_table(page: Page, tasks: Locator) -> None:
    figure = page.get_by_role("button", name="tuned in the last 7 days")
    figure.click()
    expect(tasks).to_have_count(4)
    expect(figure).to_have_attribute("aria-pressed", "true")
    figure.click()
    expect(tasks).to_have_count(5)


def test_the_csv_names_what_it_is(page: Page, tasks: Locator) -> None:
    page.get_by_role("button", name="DAG", exact=True).click()
    name, rows = saved_csv(page, "Download the tasks as CSV")
    assert re.fullmatch(r"studies_\d{4}-\d\d-\d\d\.csv", name)
    assert [row["DAG"] for row in rows] == ["churn", "forecast", "fraud", "pricing", "ranking"]
    assert [row["State"] for row in rows] == ["done", "done", "failed", "starting", "done"]


def test_two_selected_rows_can_be_compared(page: Page, tasks: Locator) -> None:
    page.get_by_label("Select task churn tune").check()
    link = page.locator("#tasks-section .button", has_text="Compare")
    expect(link).to_have_text("Compare (select 2 to 10)")
    page.get_by_label("Select task fraud tune").check()
    link.click()
    page.wait_for_url("**/compare/**")
    query = parse_qs(urlsplit(page.url).query)
    assert query == {"study": ["churn/tune/r2/-1/0", "fraud/tune/r1/-1/0"]}


def test_a_new_reading_keeps_the_rows_that_have_not_changed(page: Page, tmp_path: Path) -> None:
    study(tmp_path, "churn").close()
    running = study(tmp_path, "pricing")
    page.clock.install()
    with served(client_of(tmp_path).app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}/")
        expect(page.locator("#tasks-text")).to_have_text("2 of 2 tasks")
        rows = page.locator("#tasks tbody tr")
        for each in rows.all():
            each.evaluate("row => (row.title = 'the first')")
        page.get_by_label("Select task churn tune").check()
        rows.filter(has_text="pricing").get_by_role("link").last.focus()
        running.close()

        page.clock.fast_forward(31_000)

        expect(rows.filter(has_text="pricing")).to_contain_text("done")
        expect(rows.filter(has_text="pricing")).not_to_have_attribute("title", "the first")
        expect(rows.filter(has_text="churn")).to_have_attribute("title", "the first")
        expect(page.get_by_label("Select task churn tune")).to_be_checked()
        expect(rows.filter(has_text="pricing").locator(":focus")).to_have_count(1)


def test_tasks_whose_names_look_alike_have_rows_of_their_own(page: Page, tmp_path: Path) -> None:
    for dag_id, task_id in (("a.b", "tune"), ("a", "b.tune")):
        writer = Writer(study_address(str(tmp_path), dag_id=dag_id, task_id=task_id, run_id="r1"))
        writer.now = time.time() - 60
        writer.open()
    with served(client_of(tmp_path).app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}/")
        expect(page.locator("#tasks-text")).to_have_text("2 of 2 tasks")


def test_dags_of_others_are_not_there(page: Page, root: Path) -> None:
    app = client_of(root, rights=lambda: Granted({"churn", "fraud"}, without_instances={"fraud"})).app
    with served(app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}/")
        expect(page.locator("#tasks-text")).to_have_text("1 of 1 tasks")
        assert dags(page.locator("#tasks tbody tr")) == ["churn"]


def test_a_task_that_does_not_tune_links_to_those_that_do(page: Page, site: str) -> None:
    page.goto(f"{site}/dags/churn/tasks/train/runs/r1/")
    expect(page.locator("#notices")).to_contain_text("Tasks of this DAG that tune: tune")
    page.locator("#notices").get_by_role("link", name="tune").click()
    expect(page.locator("#runs tbody tr")).to_have_count(2)


def test_without_studies_the_page_says_what_it_lists(page: Page, tmp_path: Path) -> None:
    with served(client_of(tmp_path).app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}/")
        expect(page.locator("#notices")).to_contain_text("No studies to show")
        expect(page.locator("#studies")).to_be_hidden()
