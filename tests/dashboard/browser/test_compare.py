"""The comparison of studies and trials in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import HTTPException
from playwright.sync_api import Page, expect

from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.space import choice, uniform
from tests.dashboard.helpers.browsers import saved_csv
from tests.dashboard.helpers.pages import RUN, TASK, client_of
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer

pytestmark = pytest.mark.integration


def all_but_secret(dag_id: str) -> None:
    """Accept the user, except for the DAG `secret`."""
    if dag_id == "secret":
        raise HTTPException(403, "Forbidden")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    with served(client_of(tmp_path, guard=all_but_secret).app) as url:  # type: ignore[arg-type]
        yield url


def written(root: Path, run: str, *, trials: int = 20, dag: str = "churn", **made: Any) -> Writer:
    """Write a study without its end."""
    address = study_address(str(root), dag_id=dag, task_id="tune", run_id=run)
    writer = Writer(address, **made)
    writer.open(max_evals=trials)
    writer.run(trials)
    return writer


def comparison(*names: str, **view: str) -> str:
    """Return the path of the comparison of the studies with these names."""
    studies = "&".join(f"study={quote(name, safe='')}" for name in names)
    return f"/compare/?{studies}" + "".join(f"&{name}={value}" for name, value in view.items())


def study(run: str, dag: str = "churn") -> str:
    return f"{dag}/tune/{run}/-1/0"


def column(page: Page, table: str, place: int) -> list[str]:
    """Return the texts of a table's column, with its head."""
    return page.locator(f"#{table} tr > :nth-child({place + 1})").all_inner_texts()


def test_studies_are_beside_each_other(page: Page, site: str, tmp_path: Path) -> None:
    """One that is gone, and one that the user may not read, say so in their columns."""
    for run, seed in (("r1", 1), ("r2", 2)):
        written(tmp_path, run, seed=seed).close()
    written(tmp_path, "r1", dag="secret").close()

    page.goto(site + comparison(study("r1"), study("r2"), study("gone"), study("r1", dag="secret")))

    expect(page.locator("#results")).to_contain_text("You may not read the task instances")
    expect(page.locator("#results")).to_contain_text("There is no such study")
    expect(page.locator("#results .problem")).to_have_count(2)
    expect(page.locator("#results td.best")).to_have_count(1)
    assert "reached max_evals (20)" in column(page, "results", 1)
    assert "reached max_evals (20)" in column(page, "results", 2)
    expect(page.locator("#best .legend li")).to_have_text(["churn.tune, r1", "churn.tune, r2"])


def test_params_that_differ_come_first(page: Page, site: str, tmp_path: Path) -> None:
    """A parameter of another branch, or of another space, differs too."""
    point = {"booster": "same", "depth": 3.0}
    for run, extra in (("r1", {"lr": 0.1}), ("r2", {"lr": 0.2}), ("r3", {"lr": 0.1, "l2": 0.5})):
        space = {name: choice(["same"]) for name in ("booster",)} | {"depth": uniform(3.0, 3.0000001)}
        writer = Writer(
            study_address(str(tmp_path), dag_id="churn", task_id="tune", run_id=run),
            space=space | {name: uniform(value, value + 1e-9) for name, value in extra.items()},
        )
        writer.open(max_evals=1)
        writer.run(1)
        writer.close()

    page.goto(site + comparison(study("r1"), study("r2"), study("r3")))

    names = ["Different (2)", "lr", "l2", "The same (2)", *point]
    expect(page.locator("#params tbody tr > :first-child")).to_have_text(names)
    assert column(page, "params", 2)[1:] == ["0.2", "–", "same", "3"]
    name, rows = saved_csv(page, "Download the params as CSV")
    assert name == "params_churn.tune.csv"
    of_r2 = {row[""]: row["r2"] for row in rows}
    assert (float(of_r2["lr"]), of_r2["l2"], of_r2["booster"]) == (pytest.approx(0.2), "", "same")
    assert of_r2["lr"] != "0.2"  # the digits that the page leaves out
    name, rows = saved_csv(page, "Download the results as CSV")
    assert name == "results_churn.tune.csv"
    assert {"State", "Loss", "Search space"} <= {row[""] for row in rows}


def test_the_address_restores_the_view(page: Page, site: str, tmp_path: Path) -> None:
    for run in ("r1", "r2", "r3"):
        written(tmp_path, run, seed=int(run[1])).close()
    page.goto(site + comparison(study("r1"), study("r2")))
    expect(page.locator("#best")).to_contain_text("trial")

    page.get_by_label("x axis").select_option("time")
    page.get_by_label("log scale").check()
    page.get_by_role("button", name="Add a study").click()
    page.get_by_label("Add a run").select_option(label="r3")
    expect(page.locator("#results thead a")).to_have_text(["r1", "r2", "r3"])
    page.get_by_role("button", name="Remove r1").first.click()
    expect(page.locator("#results thead a")).to_have_text(["r2", "r3"])

    again = page.context.new_page()
    again.goto(page.url)
    expect(again.locator("#results thead a")).to_have_text(["r2", "r3"])
    expect(again.get_by_label("x axis")).to_have_value("time")
    expect(again.get_by_label("log scale")).to_be_checked()
    expect(again.locator("#best")).to_contain_text("slot time of trials, seconds")
    again.get_by_role("button", name="Add a study").click()
    again.get_by_label("Address of a study's page").fill(f"{site}{RUN}/?map_index=-1")
    again.get_by_role("button", name="Add", exact=True).click()
    expect(again.locator("#results thead a")).to_have_text(["r2", "r3", "r1"])


def test_running_studies_are_followed(page: Page, site: str, tmp_path: Path) -> None:
    written(tmp_path, "r1").close()
    running = written(tmp_path, "r2", trials=5)
    page.goto(site + comparison(study("r1"), study("r2")))
    expect(page.locator("#results")).to_contain_text("running")

    running.close()

    expect(page.locator("#results")).to_contain_text("reached max_evals (5)")


def test_spaces_that_differ_share_their_axes(page: Page, site: str, tmp_path: Path) -> None:
    written(tmp_path, "r1", space={"lr": uniform(0, 1), "model": choice(["tree", "net"])}).close()
    written(tmp_path, "r2", space={"model": choice(["net", "svm"]), "l2": uniform(0, 9)}).close()

    page.goto(site + comparison(study("r1"), study("r2")))

    page.locator("#parallel").scroll_into_view_if_needed()
    expect(page.locator("#parallel .axis")).to_have_count(4)
    expect(page.locator("#parallel .note", has_text="net")).to_have_count(1)
    expect(page.locator("#parallel .note", has_text="svm")).to_have_count(1)
    for name in ("lr", "model", "l2", "loss"):
        expect(page.locator("#parallel")).to_contain_text(name)


def test_runs_and_trials_are_chosen_in_their_tables(page: Page, site: str, tmp_path: Path) -> None:
    for run in ("r1", "r2"):
        writer = written(tmp_path, run, seed=int(run[1]))
        for number in (2, 3):
            writer.report(number, [1, 2, 3], [0.9, 0.5, 0.4])
        writer.close()
    page.goto(f"{site}{TASK}/")
    for run in ("r1", "r2"):
        page.get_by_label(f"Select run {run}").check()
    page.get_by_role("link", name="Compare 2").click()
    expect(page.locator("#results thead a")).to_have_text(["r1", "r2"])

    page.locator("#results thead").get_by_role("link", name="r1").click()
    for number in (2, 3):
        page.get_by_label(f"Select trial {number}", exact=True).check()
    expect(page.locator("#panel")).to_be_hidden()
    page.get_by_role("link", name="Compare 2").click()

    expect(page.locator("#title")).to_have_text("Compare trials")
    expect(page.locator("#subtitle")).to_have_text("churn.tune, r1")
    expect(page.locator("#results thead a")).to_have_text(["trial 2", "trial 3"])
    expect(page.locator("#curves .legend li")).to_have_text(["trial 2", "trial 3"])
    expect(page.locator("#best-section")).to_be_hidden()


def test_an_address_that_names_no_study_says_so(page: Page, site: str) -> None:
    page.goto(site + comparison("churn/tune", "churn/tune/r1/x/0", "%E0%A4/t/r/-1/0"))

    expect(page.locator("#notices p")).to_have_count(4)
    expect(page.locator("#comparison")).to_be_hidden()


def test_a_copied_link_can_be_pasted(page: Page, site: str, tmp_path: Path) -> None:
    run = "manual__2026-01-01T00:00:00+00:00"
    for each in ("r1", run):
        written(tmp_path, each).close()
    page.goto(site + comparison(study("r1")))
    page.get_by_role("button", name="Add a study").click()
    path = f"/sparktune{TASK}/runs/{quote(run)}/"
    box = page.get_by_label("Address of a study's page")
    box.fill(f"https://airflow.example/plugin/sparktune{path.replace('%', '%25')}?generation=0#trial=3")
    box.press("Enter")

    expect(page.locator("#results thead a")).to_have_text(["r1", run])
    expect(page.locator("#results td", has_text="17 ok")).to_have_count(2)
