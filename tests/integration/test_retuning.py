"""Retuning in a real Airflow: weeks of a champion, its page, an approval, segments, a script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from airflow_sparktune.study.address import address_of, study_address, task_folder
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions, segments
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.study import Study
from tests.dashboard.helpers.browsers import a_browser, log_in
from tests.integration.airflow_site import Run, Site, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

PICTURES = Path(__file__).parents[1] / "artifacts"
WEEKS = ("2026-11-02", "2026-11-09", "2026-11-16")


@contextmanager
def logged_in_page(browser: Browser, airflow: Site) -> Iterator[Page]:
    """Yield a browser page of the administrator."""
    context = browser.new_context(viewport={"width": 1280, "height": 1200}, color_scheme="light")
    context.set_default_timeout(120_000)
    page = context.new_page()
    log_in(page, airflow.url, "admin", airflow.password)
    yield page
    context.close()


def open_tab(page: Page, airflow: Site, path: str) -> FrameLocator:
    """Open the package's page inside Airflow's."""
    page.goto(f"{airflow.url}/{path}")
    return page.frame_locator("iframe[title^=Tuning]")


def take(page: Page, name: str) -> None:
    """Store a screenshot once the first chart in it is drawn."""
    tab = page.frame_locator("iframe[title^=Tuning]")
    expect(tab.locator(".plot .axis").first).to_be_attached(timeout=60_000)
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def record(airflow: Site, dag: str, segment: str | None = None) -> Champions:
    root = task_folder(str(airflow.home / "sparktune"), dag_id=dag, task_id="tune")
    return Champions(root, segment)


def actions(champions: Champions) -> list[Action]:
    return [entry.action for entry in champions.history()]


def week(airflow: Site, dag: str, date: str, *, task: str = "tune") -> Run:
    """Run a DAG for a week until a task has ended."""
    run = airflow.trigger(dag, f"week-{date}", date=date)
    run.wait("success", "failed", "skipped", "upstream_failed", task=task)
    return run


def wait_for_trainings(airflow: Site, count: int) -> None:
    """Wait until the champion's events have started this many trainings, and no more."""
    started = wait_for(
        lambda: len(airflow.runs("train_production")),
        lambda started: started >= count,
        what=f"{count} runs of train_production",
    )
    assert started == count


def test_three_weeks_of_a_champion(airflow: Site) -> None:
    """The first week has a champion, the second keeps it, drift in the third replaces it.

    Only a change triggers the training. The page shows the same; its screenshots are in the documentation.
    """
    airflow.unpause("train_production")
    decisions = []
    for number, date in enumerate(WEEKS):
        run = week(airflow, "retune_weekly", date)
        assert run.state() == "success", run.log()
        decisions.append(run.xcom(key="tuning_result")["decision"])
        trained = sum(decision != "kept" for decision in decisions)
        wait_for_trainings(airflow, trained)
        assert number > 0 or decisions == ["first"]
    assert decisions == ["first", "kept", "replaced"]
    champions = record(airflow, "retune_weekly")
    assert actions(champions) == [Action.FIRST, Action.KEPT, Action.REPLACED]
    last = airflow.runs("train_production")[-1]
    last.wait("success", "failed", task="train")
    assert last.xcom(task="train")["params"] == champions.current().params
    assert Path(last.xcom(task="train")["model"]).is_file()
    confirmation = run.xcom(key="tuning_result")["confirmation"]
    assert confirmation["incumbent"]["n"] >= 3
    assert any(item["bound"] > 0 for item in confirmation["candidates"])
    with a_browser() as browser, logged_in_page(browser, airflow) as page:
        shown = zip(WEEKS, ("First", "Kept", "Replaced"), (3, 4, 4), strict=True)
        for date, words, contenders in shown:
            tab = open_tab(page, airflow, f"dags/retune_weekly/runs/week-{date}/tasks/tune/plugin/tuning")
            expect(tab.locator("#decision")).to_contain_text(words)
            expect(tab.locator("#contenders tbody tr")).to_have_count(contenders)
            take(page, f"retuning-{date}")
        history = open_tab(page, airflow, "dags/retune_weekly/tasks/tune/plugin/tuning-history")
        expect(history.locator("#entries tbody tr")).to_have_count(3)
        take(page, "retuning-history")


def test_a_rollback_then_a_scheduler_that_is_killed(airflow: Site) -> None:
    """The week after a rollback compares with the restored champion, with which the event has trained.

    The scheduler gets kill -9 during that week, and another one completes it: the champion is replaced, and
    one event is emitted.
    """
    champions = record(airflow, "retune_weekly")
    with a_browser() as browser, logged_in_page(browser, airflow) as page:
        history = open_tab(page, airflow, "dags/retune_weekly/tasks/tune/plugin/tuning-history")
        before = len(airflow.runs("train_production"))
        history.get_by_role("button", name="Restore entry 1").click()
        dialog = history.get_by_role("dialog", name="Restore entry 1?")
        dialog.get_by_role("checkbox", name="Also emit an event").check()
        dialog.get_by_role("button", name="Restore").click()
        expect(history.locator("#champion-notice")).to_contain_text("got an event")
        expect(history.locator("#champion-text")).to_contain_text("restored")
        take(page, "retuning-rollback")
    restored = champions.current()
    assert (restored.action, restored.restores, restored.by) == (Action.RESTORED, 1, "admin")
    wait_for_trainings(airflow, before + 1)
    last = airflow.runs("train_production")[-1]
    last.wait("success", "failed", task="train")
    assert last.xcom(task="train")["params"] == restored.params
    before += 1
    scheduler = airflow.process("scheduler")
    start_another = airflow.starter(scheduler)

    run = airflow.trigger("retune_weekly", "week-2026-11-23", date="2026-11-23")
    address = study_address(str(airflow.home / "sparktune"), dag_id=run.dag, task_id="tune", run_id=run.run)
    wait_for(
        lambda: read_study(address).study.finished,
        lambda finished: finished >= 3,
        what="three trials of the week after the rollback",
        every_s=0.05,
    )
    scheduler.kill()
    assert read_study(address).study.decision is None
    start_another()
    run.wait_for_end()

    assert run.state() == "success", run.log(attempt=run.tries())
    study = read_study(address).study
    assert study.starts.incumbent.entry == restored.number
    assert study.starts.incumbent.params == restored.params
    assert run.xcom(key="tuning_result")["decision"] == "replaced"
    assert actions(champions)[3:] == [Action.RESTORED, Action.REPLACED]
    wait_for_trainings(airflow, before + 1)
    airflow.runs("train_production")[-1].wait_for_end()
    assert len(airflow.runs("train_production")) == before + 1


def test_a_person_approves(airflow: Site) -> None:
    """Only an approved and trained winner becomes the champion, not a rejected or untrained one."""
    champions = record(airflow, "approve_production")

    approved = airflow.trigger("approve_production", "week-1", date=WEEKS[0])
    question = approved.question("approve")
    assert "there was no champion yet" in question["body"]
    assert f"/dags/approve_production/runs/{approved.run}/tasks/tune/plugin/tuning)" in question["body"]
    assert actions(champions) == [Action.PROPOSED]
    approved.answer("approve", "Approve")
    approved.wait_for_end()
    first = champions.current()
    assert (first.action, first.params) == (Action.PROMOTED, approved.xcom())

    rejected = airflow.trigger("approve_production", "week-3", date=WEEKS[2])
    assert "is better by" in rejected.question("approve")["body"]
    rejected.answer("approve", "Reject")
    rejected.wait_for_end()
    assert [rejected.state(task=task) for task in ("train", "promote_champion")] == ["skipped", "skipped"]
    assert champions.current() == first

    models = airflow.home / "models"
    models.rename(airflow.home / "models-elsewhere")
    models.write_text("no folder")
    try:
        broken = airflow.trigger("approve_production", "week-4", date="2026-11-23")
        assert broken.question("approve")
        broken.answer("approve", "Approve")
        broken.wait_for_end()
    finally:
        models.unlink()
        (airflow.home / "models-elsewhere").rename(models)
    assert [broken.state(task=task) for task in ("train", "promote_champion")] == [
        "failed",
        "upstream_failed",
    ]
    assert champions.current() == first
    assert broken.xcom(key="tuning_result")["confirmation"]["incumbent"]["params"] == first.params


@pytest.mark.parametrize("dag", ["retune_segments", "retune_segments_together"])
def test_segments_keep_their_champions(airflow: Site, dag: str) -> None:
    """Each shop has its own champion by name, with which its training runs."""
    run = week(airflow, dag, WEEKS[0], task="shops")
    for index in range(3):
        run.wait("success", "failed", task="train", index=index)
        trained = run.xcom(task="train", index=index)
        assert trained["params"] == record(airflow, dag, trained["segment"]).current().params
    root = task_folder(str(airflow.home / "sparktune"), dag_id=dag, task_id="tune")
    assert sorted(map(str, segments(root))) == ["berlin", "lyon", "porto"]


def test_segments_in_one_application(airflow: Site) -> None:
    """In the second week one region is replaced, one kept, and one fails; only the first trains.

    The driver of that week gets kill -9 once the failed region has its verdict: the retry runs only the two
    others, and continues them.
    """
    first = week(airflow, "weekly_segments", WEEKS[0])
    assert first.state() == "success", first.log()
    assert first.xcom(key="tuning_result")["outcomes"] == {"first": 3}
    assert events_of(airflow, "regions-champions") == ["drifts", "stays", "fails"]

    run = airflow.trigger("weekly_segments", f"week-{WEEKS[1]}", date=WEEKS[1])
    application = study_address(
        str(airflow.home / "sparktune"), dag_id=run.dag, task_id="tune", run_id=run.run
    )

    def study_of(region: str) -> Study:
        return read_study(address_of(application, region)).study

    wait_for(
        lambda: (
            study_of("fails").has_verdict and min(study_of(each).finished for each in ("drifts", "stays"))
        ),
        lambda finished: finished >= 2,
        what="the region without data to fail, and two trials of each other",
        every_s=0.05,
    )
    (driver,) = [each for each in processes_of(application) if "java" not in each.name()]
    driver.kill()
    before = {region: study_of(region) for region in ("drifts", "stays")}
    assert all(study.closed is None for study in before.values())
    run.wait("success", "failed", "skipped")

    assert (run.state(), run.tries()) == ("success", 2), run.log(attempt=run.tries())
    table = run.xcom(key="tuning_result")
    assert [(each["segment"], each["decision"]) for each in table["segments"]] == [
        ("drifts", "replaced"),
        ("stays", "kept"),
        ("fails", None),
    ]
    assert "no data for this region" in table["segments"][2]["error"]
    assert [each["segment"] for each in run.xcom()] == ["drifts"]
    for region, study in before.items():
        ended = {number: trial for number, trial in study.trials.items() if trial.counts}
        after = study_of(region)
        assert {number: after.trials[number] for number in ended} == ended
        assert (after.finished, len(after.attempts)) == (12, 2)
        assert actions(record(airflow, "weekly_segments", region))[1:] == [
            Action.REPLACED if region == "drifts" else Action.KEPT
        ]
    assert len(study_of("fails").attempts) == 1
    assert actions(record(airflow, "weekly_segments", "fails")) == [Action.FIRST]
    run.wait_for_end()
    assert run.xcom(task="train", index=0) == "drifts"
    assert run.state(task="train", index=1) is None
    assert events_of(airflow, "regions-champions")[3:] == ["drifts"]


def events_of(airflow: Site, asset: str) -> list[str]:
    """Return the segments of an asset's events, oldest first."""
    events = airflow.call("GET", "assets/events?order_by=timestamp&limit=100")["asset_events"]
    return [each["extra"]["segment"] for each in events if each["name"] == asset]


def processes_of(address: str) -> list[psutil.Process]:
    """Return the JVM and the Python driver of a study or an application."""
    return [each for each in psutil.process_iter(["cmdline"]) if address in (each.info["cmdline"] or [])]


def test_a_script_has_a_champion(airflow: Site) -> None:
    """An unchanged script with fmin is compared with the champion of its task."""
    first = week(airflow, "retune_existing_script", WEEKS[0], task="train")
    assert first.state(task="train") == "success", first.log()
    second = week(airflow, "retune_existing_script", WEEKS[2], task="train")
    assert second.xcom(key="tuning_result")["decision"] == "replaced", second.log()
    assert actions(record(airflow, "retune_existing_script")) == [Action.FIRST, Action.REPLACED]
