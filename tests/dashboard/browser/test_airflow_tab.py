"""The Tuning tab inside a real Airflow: while trials run, for different users, below a path.

It must not harm Airflow's own pages when the storage hangs.
"""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from airflow_sparktune.study.address import address_of, study_address
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import open_storage
from tests.dashboard.helpers.browsers import log_in
from tests.dashboard.helpers.second_server import PASSWORDS, Server, second_server
from tests.dashboard.helpers.segmented import application, segment
from tests.dashboard.helpers.synthetic import Writer
from tests.integration.airflow_site import PASSWORD, Run, Site, logged_in

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(airflow: Site) -> Iterator[Server]:
    with second_server(airflow) as server:
        yield server


@pytest.fixture(scope="module")
def watched(airflow: Site) -> Run:
    """Return an ended run of the synthetic tuning."""
    run = airflow.trigger("watched", "manual__2026-01-01T00:00:00+00:00")
    run.wait("success", "failed")
    return run


def address(run: Run) -> str:
    storage = str(run.site.home / "sparktune")
    return study_address(storage, dag_id=run.dag, task_id="tune", run_id=run.run)


def tuning_tab(page: Page, url: str, run: Run, task: str = "tune") -> FrameLocator:
    page.goto(f"{url}/dags/{run.dag}/runs/{run.run.replace('+', '%2B')}/tasks/{task}")
    page.get_by_role("link", name="Tuning", exact=True).click()
    return page.frame_locator("iframe[title=Tuning]")


def test_the_tab_fills_while_the_demo_runs_on_spark(page: Page, airflow: Site) -> None:
    """This run of retune_digits stands for it among the examples of test_airflow.py."""
    log_in(page, airflow.url, "admin", PASSWORD)
    run = airflow.trigger("retune_digits", "demo")
    tab = tuning_tab(page, airflow.url, run)

    state = tab.locator("#state")
    expect(tab.locator("#headline")).to_contain_text("Running", timeout=300_000)
    expect(state).to_contain_text(re.compile(r"[1-9]\d* of 24 trials"), timeout=300_000)
    with page.context.expect_page() as opened:
        state.get_by_role("link", name="Spark UI").click()
    opened.value.close()
    expect(state).to_contain_text("24 of 24 trials", timeout=600_000)
    expect(tab.locator("#headline")).to_contain_text("Done")
    for label in ("batch_size", "learning_rate", "momentum"):
        expect(tab.locator("#trials thead")).to_contain_text(label)
    expect(tab.locator("#losses .axis").first).to_be_attached()
    tab.locator("#importance-title").scroll_into_view_if_needed()
    expect(tab.locator("#importance")).to_contain_text("learning_rate")

    run.wait("success", "failed", "upstream_failed", task="train")
    assert run.state(task="train") == "success", run.log()
    best = read_study(address(run)).study.best
    scores = run.xcom(task="train")
    assert run.xcom() == run.xcom(key="tuning_result")["best_params"] == best.params
    assert run.xcom(key="best_loss") == best.loss
    assert scores["accuracy"] > scores["default_accuracy"]
    assert Path(scores["model"]).is_file()


def test_the_operators_link_leads_to_the_page(page: Page, airflow: Site) -> None:
    """The link is for users whose role has no tab; the task need not have ended."""
    log_in(page, airflow.url, "admin", PASSWORD)

    links = airflow.call("GET", "dags/retune_digits/dagRuns/demo/taskInstances/tune/links")["extra_links"]
    page.goto(f"{airflow.url}{links['Tuning']}")

    expect(page.locator("#title")).to_have_text("Tuning: retune_digits.tune, demo")
    expect(page.locator("#state")).to_contain_text("of 24 trials")


def test_the_tab_of_a_task_with_segments_is_their_table(page: Page, server: Server, watched: Run) -> None:
    """Under a path, for a reader, and for a clear that made the task's study an application."""
    place = address(watched).replace("/g0", "/g1")
    application(place, ("north", "south"))
    segment(place, "south")
    log_in(page, server.url, "reader", PASSWORDS["reader"])
    try:
        tab = tuning_tab(page, server.url, watched)

        expect(tab.locator("#segments-text")).to_have_text("2 of 2 segments")
        tab.locator("#segments tbody tr", has_text="south").click()
        expect(tab.locator("#state")).to_contain_text("5 of 5 trials")
        tab.get_by_role("link", name="All segments").click()
        expect(tab.locator("#segments-text")).to_have_text("2 of 2 segments")
        expect(tab.get_by_role("button", name="Stop all")).to_have_count(0)
        tab.get_by_label("Choose a study").select_option("0")
        expect(tab.locator("#state")).to_contain_text("30 of 30 trials")
    finally:
        for each in (place, str(Path(address_of(place, "south")).parent)):
            shutil.rmtree(each)


def test_an_ordinary_user_watches_under_a_path(page: Page, server: Server, watched: Run) -> None:
    """[api] base_url has the path /airflow; the run's id has colons and a plus."""
    log_in(page, server.url, "reader", PASSWORDS["reader"])

    tab = tuning_tab(page, server.url, watched)

    expect(tab.locator("#title")).to_contain_text(watched.run)
    expect(tab.locator("#state")).to_contain_text("30 of 30 trials")
    tab.get_by_role("button", name="Trial 13", exact=True).click()
    expect(tab.locator(".traceback")).to_contain_text("matrix is singular")
    with page.expect_download() as download:
        tab.get_by_role("link", name="Download report").click()
    assert download.value.suggested_filename.startswith("tuning-tune-manual__2026-01-01")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.locator("#panel").get_by_role("button", name="Copy link").click()
    expect(tab.locator("#panel").get_by_role("button", name="Copied")).to_be_visible()
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    linked = page.frame_locator("iframe")
    expect(linked.locator("#title")).to_contain_text(watched.run)
    expect(linked.locator("#panel h2")).to_have_text("Trial 13")


def copied(page: Page, frame: FrameLocator) -> str:
    """Return the link that the framed page copies."""
    frame.get_by_role("button", name="Copy link").first.click()
    expect(frame.get_by_role("button", name="Copied")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_the_navigation_leads_from_all_studies_to_a_comparison(
    page: Page, server: Server, watched: Run
) -> None:
    """The copied link of each view restores it."""
    log_in(page, server.url, "reader", PASSWORDS["reader"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Tuning studies").click()
    frame = page.frame_locator("iframe")
    frame.get_by_label("Filter DAG").fill("watch")

    page.goto(copied(page, frame))
    expect(frame.get_by_label("Filter DAG")).to_have_value("watch")
    frame.locator("#tasks tbody tr").filter(has_text="watched").get_by_text("done").click()
    expect(frame.locator("#state")).to_contain_text("30 of 30 trials")
    for trial in (3, 5):
        frame.get_by_label(f"Select trial {trial}", exact=True).check()
    frame.get_by_role("link", name="Compare 2").click()
    expect(frame.locator("#results")).to_contain_text("trial 5")

    page.goto(copied(page, frame))
    expect(frame.locator("#results")).to_contain_text("trial 3")
    expect(frame.locator("#results")).to_contain_text("trial 5")


def test_the_navigation_lists_nothing_for_a_user_without_rights(
    page: Page, server: Server, watched: Run
) -> None:
    log_in(page, server.url, "stranger", PASSWORDS["stranger"])
    page.goto(f"{server.url}/plugin/sparktune")

    expect(page.frame_locator("iframe").locator("#notices")).to_contain_text("No studies to show")


def test_the_tab_follows_airflows_theme(page: Page, server: Server, watched: Run) -> None:
    log_in(page, server.url, "reader", PASSWORDS["reader"])
    tab = tuning_tab(page, server.url, watched)
    expect(tab.locator("html")).to_have_attribute("data-theme", "light")

    page.get_by_role("button", name="User").click()
    page.get_by_role("menuitem", name=re.compile("appearance|theme|mode", re.IGNORECASE)).first.click()
    page.get_by_text(re.compile("^dark", re.IGNORECASE)).first.click()

    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_history_is_a_tab_of_the_task(page: Page, server: Server, watched: Run) -> None:
    log_in(page, server.url, "reader", PASSWORDS["reader"])
    page.goto(f"{server.url}/dags/{watched.dag}/tasks/tune")
    page.get_by_role("link", name="Tuning history").click()
    history = page.frame_locator("iframe[title='Tuning history']")

    history.get_by_role("link", name="manual__2026").click()

    expect(history.locator("#state")).to_contain_text("30 of 30 trials")


def test_a_task_without_a_tuning(page: Page, server: Server, watched: Run) -> None:
    log_in(page, server.url, "reader", PASSWORDS["reader"])

    tab = tuning_tab(page, server.url, watched, task="train")

    expect(tab.locator("#notices")).to_contain_text("No tuning here")


@pytest.mark.parametrize(
    "path",
    ["runs/r/", "runs/r/study", "runs/r/trials/1?generation=0", "runs/r/report?generation=0", "", "history"],
)
def test_a_user_without_access_to_the_dag_gets_nothing(server: Server, path: str) -> None:
    url = f"/sparktune/dags/watched/tasks/tune/{path}"

    assert server.get(url).status_code == httpx.codes.UNAUTHORIZED
    assert server.get(url, user="stranger").status_code == httpx.codes.FORBIDDEN


def test_files_and_requests_without_a_dag_are_guarded(server: Server) -> None:
    assert server.get("/sparktune/dags/watched/static/study.js").status_code == httpx.codes.UNAUTHORIZED
    assert server.get("/sparktune/dags/watched/static/study.js", user="stranger").status_code == 403
    assert server.get("/sparktune/dags/~/tasks/tune/runs/r/study").status_code == httpx.codes.UNAUTHORIZED
    assert server.get("/sparktune/dags/~/tasks/tune/runs/r/study", user="reader").status_code == 400
    for path in ("/sparktune/docs", "/sparktune/openapi.json"):
        assert server.get(path).status_code == httpx.codes.NOT_FOUND


def test_a_user_who_may_edit_the_task_instance_may_stop_its_study(airflow: Site, server: Server) -> None:
    study = address(Run(airflow, "churn", "r"))
    Writer(study).open()
    url = f"{server.url}/sparktune/dags/churn/tasks/tune/runs/r/stop?generation=0"
    headers = {"Content-Type": "application/json", "Origin": f"http://{urlsplit(server.url).netloc}"}

    def status(user: str | None, **changed: str) -> int:
        login = logged_in(server.url, user, PASSWORDS[user]) if user else {}
        return httpx.put(url, content="{}", headers={**headers, **login, **changed}, timeout=30).status_code

    assert status(None) == httpx.codes.UNAUTHORIZED
    assert status("reader") == httpx.codes.FORBIDDEN
    assert status("editor", Origin="http://evil.example") == httpx.codes.FORBIDDEN
    assert stop_requested(open_storage(study), attempt=1) is None
    assert status("editor") == httpx.codes.OK

    found = stop_requested(open_storage(study), attempt=1)
    assert found is not None
    assert found.by == "editor"


def test_a_hundred_hanging_requests_leave_airflow_alone(airflow: Site) -> None:
    """The storage is a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        storage = f"http://127.0.0.1:{silent.getsockname()[1]}/studies"
        with second_server(airflow, AIRFLOW__SPARKTUNE__STORAGE=storage) as server:
            login = logged_in(server.url, "reader", PASSWORDS["reader"])
            study = f"{server.url}/sparktune/dags/churn/tasks/tune/runs/r/study"
            with ThreadPoolExecutor(100) as pool:
                asked = [pool.submit(httpx.get, study, headers=login, timeout=120) for _ in range(100)]
                wait([asked[0]], timeout=2)  # some hang by now

                assert not all(each.done() for each in asked)
                for path in ("/api/v2/version", "/api/v2/monitor/health"):
                    answer = httpx.get(f"{server.url}{path}", headers=login, timeout=10)
                    assert answer.status_code == httpx.codes.OK
                assert {each.result().status_code for each in asked} == {503}
