"""The page in a real browser with synthetic studies."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from airflow_sparktune.study.journal.output import OutputWriter
from airflow_sparktune.study.space import choice, uniform
from airflow_sparktune.study.storage import open_storage
from tests.dashboard.helpers.browsers import first_mark
from tests.dashboard.helpers.pages import RUN, TASK, client_of
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer

pytestmark = pytest.mark.integration
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    with served(client_of(tmp_path).app) as url:  # type: ignore[arg-type]
        yield url


def finished(address: str, trials: int = 40) -> None:
    writer = Writer(address)
    writer.open(max_evals=trials)
    writer.run(trials)
    writer.close()


def scroll_to(page: Page, selector: str) -> None:
    page.locator(selector).scroll_into_view_if_needed()


def test_a_finished_study_shows_its_state_and_is_requested_once(page: Page, site: str, address: str) -> None:
    finished(address)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/study?" in request.url else None)

    page.goto(f"{site}{RUN}/")

    expect(page.locator("#state")).to_contain_text("40 of 40 trials")
    expect(page.locator("#state")).to_contain_text("40 of 40")
    expect(page.locator("#headline")).to_contain_text("reached max_evals (40)")
    expect(page.locator("#losses .legend li")).to_have_count(4)
    page.wait_for_timeout(2500)
    assert len(asked) == 1


def test_a_running_study_fills_the_page(page: Page, site: str, address: str) -> None:
    writer = Writer(address)
    writer.open(max_evals=9)
    page.goto(f"{site}{RUN}/")
    expect(page.locator("#notices")).to_contain_text("Starting")

    writer.run(5)
    expect(page.locator("#state")).to_contain_text("5 of 9 trials")
    writer.run(4, first=5)
    writer.close()

    expect(page.locator("#headline")).to_contain_text("Done")
    expect(page.locator("#trials tbody tr")).to_have_count(9)


@pytest.mark.parametrize(("silent_s", "phase"), [(65, "Running"), (100, "Lost")])
def test_a_silent_driver_is_lost(page: Page, site: str, address: str, silent_s: float, phase: str) -> None:
    writer = Writer(address)
    writer.now = time.time() - silent_s
    writer.open(max_evals=9)
    writer.run(1)
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#headline")).to_contain_text(phase)
    assert ("The driver died" in page.locator("#banner").inner_text()) is (phase == "Lost")


def test_a_new_attempt_resets_the_page(page: Page, site: str, address: str) -> None:
    writer = Writer(address)
    writer.open(max_evals=9)
    writer.run(3)
    page.goto(f"{site}{RUN}/")
    expect(page.locator("#state")).to_contain_text("3 of 9 trials")

    again = Writer(address, attempt=2)
    again.open(
        max_evals=9, takes=[[writer.stream.stream, writer.stream.events - 2]]
    )  # the last trial is lost

    expect(page.locator("#state")).to_contain_text("2 of 9 trials")
    expect(page.locator("#state")).to_contain_text("driver attempt 2")


def test_a_killed_study_that_continues_is_followed(page: Page, site: str, address: str) -> None:
    writer = Writer(address)
    writer.open(max_evals=9)
    writer.run(3)
    writer.close(reason="killed")
    page.goto(f"{site}{RUN}/")
    expect(page.locator("#headline")).to_contain_text("Killed")

    again = Writer(address, attempt=2)
    again.open(max_evals=9, takes=[[writer.stream.stream, writer.stream.events]])
    again.run(6, first=3)

    expect(page.locator("#state")).to_contain_text("9 of 9 trials")


def test_the_table_sorts_filters_and_searches(page: Page, site: str, address: str) -> None:
    finished(address)
    page.goto(f"{site}{RUN}/")
    rows = page.locator("#trials tbody tr")

    page.get_by_role("button", name="Loss").click()
    expect(rows.first).to_contain_text("best")
    expect(page.locator("#trials th", has_text="Loss")).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Filter State").select_option("failed")
    expect(page.locator("#trials-text")).to_have_text("4 of 40 trials")
    page.get_by_label("Filter State").select_option("")
    page.get_by_label("Search trials").fill("dart")
    expect(page.locator("#trials-text")).to_have_text(re.compile(r"^\d\d? of 40 trials$"))
    expect(rows.first).to_contain_text("dart")


def test_a_failed_trial_opens_with_its_traceback_by_keyboard(page: Page, site: str, address: str) -> None:
    finished(address)
    page.goto(f"{site}{RUN}/")

    page.get_by_role("button", name="Trial 31", exact=True).focus()
    page.keyboard.press("Enter")

    expect(page.locator(".traceback")).to_contain_text("ValueError: matrix is singular")
    expect(page.get_by_role("button", name="Trial 31", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_be_hidden()


def test_a_bar_of_the_timeline_opens_its_trial(page: Page, site: str, address: str) -> None:
    """It works for a trial that the table does not list; the panel has the trial's output."""
    writer = Writer(address)
    writer.open(max_evals=150)
    writer.run(150)
    output = OutputWriter(open_storage(address), writer.stream.stream)
    output.keep(0, "epoch 1\n")
    output.flush(now=True)
    writer.close()
    page.goto(f"{site}{RUN}/")
    scroll_to(page, "#timeline")
    expect(page.locator("#timeline .axis").first).to_be_attached()
    box = page.locator("#timeline .area").bounding_box()
    assert box

    page.mouse.click(box["x"] + 2, box["y"] + box["height"] / 8)  # the first bar in the first of four slots

    expect(page.locator("#panel")).to_contain_text("Trial 0")
    expect(page.locator("#panel")).to_contain_text("Params")
    expect(page.locator("#panel")).to_contain_text("epoch 1")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()


def test_a_box_over_an_axis_filters_the_table(page: Page, site: str, address: str) -> None:
    finished(address)
    page.goto(f"{site}{RUN}/")
    scroll_to(page, "#parallel")
    plot = page.locator("#parallel .area")
    box = plot.bounding_box()
    assert box
    axis = box["x"] + box["width"] * 1.5 / 5  # the second of five

    page.mouse.move(axis - 15, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(axis + 15, box["y"] + box["height"] - 4, steps=6)
    page.mouse.up()

    expect(page.locator("#chips")).to_contain_text("depth: ")
    expect(page.locator("#trials-text")).to_have_text("28 of 40 trials")
    page.locator("#chips button").click()
    expect(page.locator("#trials-text")).to_have_text("40 of 40 trials")


def test_a_filter_can_be_filled_in_instead(page: Page, site: str, address: str) -> None:
    finished(address)
    page.goto(f"{site}{RUN}/")

    page.get_by_label("Parameter to filter by").select_option(label="booster")
    page.get_by_label("Value of booster").select_option(label="dart")
    page.get_by_role("button", name="Filter", exact=True).press("Enter")

    expect(page.locator("#chips")).to_contain_text("booster: dart")
    expect(page.locator("#trials tbody tr")).to_have_count(10)


def test_importance_and_slices_are_drawn_when_visible(page: Page, site: str, address: str) -> None:
    finished(address)
    page.goto(f"{site}{RUN}/")

    scroll_to(page, "#importance-title")
    expect(page.locator("#importance dt")).to_have_count(3, timeout=30_000)
    expect(page.locator("#importance")).to_contain_text("%")
    expect(page.locator("#importance .branch")).to_contain_text("too few successful trials")
    scroll_to(page, "#slices")
    expect(page.locator("#slices canvas")).to_have_count(4)


def test_the_line_of_a_trial_skips_the_axes_that_it_does_not_have(
    page: Page, site: str, address: str
) -> None:
    """The axes are model, l2, depth and loss: a line of `linear` crosses the axis of depth."""
    space = {"model": choice([{"linear": {"l2": uniform(0, 1)}}, {"tree": {"depth": uniform(1, 9)}}])}
    writer = Writer(address, space=space)
    writer.open(max_evals=40)
    for trial in writer.trials(40):
        if trial.point["model"] == 0:
            writer.put(writer.ended(trial))
    writer.close()
    page.goto(f"{site}{RUN}/")
    scroll_to(page, "#parallel")
    expect(page.locator("#parallel .axis")).to_have_count(4)

    drawn = page.evaluate(
        """() => {
            const canvas = document.querySelector("#parallel canvas");
            const lines = document.querySelectorAll("#parallel .axis");
            const axes = [...lines].map((line) => line.getAttribute("x1"));
            const ratio = canvas.width / canvas.clientWidth;
            return [1, 2].map((left) => {
                const middle = Math.round(((+axes[left] + +axes[left + 1]) / 2) * ratio);
                const pixels = canvas.getContext("2d").getImageData(middle, 0, 1, canvas.height).data;
                return pixels.some((channel) => channel > 0);
            });
        }"""
    )
    assert drawn == [True, True]


def test_a_box_zooms_and_a_button_zooms_out(page: Page, site: str, address: str) -> None:
    finished(address)
    page.goto(f"{site}{RUN}/")
    area = page.locator("#losses .area")
    expect(area).to_be_visible()
    ticks = page.locator("#losses text")
    before = ticks.all_inner_texts()
    box = area.bounding_box()
    assert box

    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 140, steps=4)
    page.mouse.up()

    reset = page.get_by_role("button", name="Reset zoom").first
    expect(reset).to_be_visible()
    assert ticks.all_inner_texts() != before
    reset.click()
    expect(reset).to_be_hidden()
    assert ticks.all_inner_texts() == before


def test_the_pointer_names_a_trial_and_the_legend_hides_a_state(page: Page, site: str, address: str) -> None:
    finished(address)
    page.goto(f"{site}{RUN}/")
    first_mark(page, "#losses")

    expect(page.locator("#losses .tip")).to_contain_text("depth = ")
    name = page.locator("#losses .legend").get_by_role("button", name="pruned")
    name.click()
    expect(name).to_have_attribute("aria-pressed", "false")


def test_it_follows_the_systems_theme_when_it_stands_alone(page: Page, site: str, address: str) -> None:
    finished(address)
    page.goto(f"{site}{RUN}/")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")

    page.emulate_media(color_scheme="dark")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#losses text").first).to_have_css("fill", "rgb(230, 234, 240)")


def test_it_fits_a_narrow_screen(page: Page, site: str, address: str) -> None:
    finished(address)
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(f"{site}{RUN}/")
    scroll_to(page, "#losses-title")

    expect(page.locator("#losses .legend li")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") == 380


def test_a_lost_connection_is_reported_and_found_again(page: Page, site: str, address: str) -> None:
    writer = Writer(address)
    writer.open(max_evals=9)
    writer.run(2)
    page.goto(f"{site}{RUN}/")
    expect(page.locator("#state")).to_contain_text("2 of 9")

    page.route("**/study?*", lambda route: route.abort())
    expect(page.locator("#notices")).to_contain_text("connection to Airflow is lost")
    expect(page.locator("#state")).to_contain_text("2 of 9")
    page.unroute("**/study?*")

    expect(page.locator("#notices")).not_to_contain_text("lost")


@pytest.mark.parametrize(("status", "words"), [(401, "Your login has expired"), (403, "You may not read")])
def test_a_rejected_request_is_explained(page: Page, site: str, status: int, words: str) -> None:
    page.route("**/study?*", lambda route: route.fulfill(status=status, json={"detail": "no"}))

    page.goto(f"{site}{RUN}/")

    expect(page.locator("#notices")).to_contain_text(words)


def test_a_task_without_a_tuning_has_an_explanation(page: Page, site: str) -> None:
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#notices")).to_contain_text("No tuning here")
    expect(page.locator("#study")).to_be_hidden()


def test_unreadable_files_are_reported(page: Page, site: str, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.run(3)
    writer.write(event="promoted", v=99)
    writer.run(1, first=3)
    max(Path(address).rglob("*.jsonl")).write_text("{torn")

    page.goto(f"{site}{RUN}/")

    expect(page.locator("#notices")).to_contain_text("later version")
    expect(page.locator("#notices")).to_contain_text("torn")


def evil_study(address: str) -> None:
    writer = Writer(address, space={EVIL: choice([EVIL, "plain"]), "x": uniform(0, 1)})
    writer.open(max_evals=30)
    writer.run(30)
    writer.write(event="spark", spark={"ui": "javascript:alert(3)"})
    error = {"type": "ObjectiveError", "message": EVIL, "retryable": False, "traceback": EVIL}
    writer.close("error", error=error)


def test_script_tags_are_text_in_the_page(page: Page, site: str, address: str) -> None:
    """They are in a label, a value, a failure and a traceback; a dialog would fail the test."""
    evil_study(address)

    page.goto(f"{site}{RUN}/")
    expect(page.locator("#banner")).to_contain_text(EVIL)
    expect(page.locator("#trials thead")).to_contain_text(EVIL)
    for chart in ("#timeline", "#parallel", "#importance", "#slices"):
        scroll_to(page, chart)
        page.wait_for_timeout(400)
    page.get_by_role("button", name="Trial 4", exact=True).click()
    expect(page.locator("#panel")).to_contain_text("matrix is singular")

    assert page.locator("img, a[href^=javascript], main script").count() == 0


def test_script_tags_are_text_in_the_report(page: Page, site: str, address: str, tmp_path: Path) -> None:
    evil_study(address)
    page.goto(f"{site}{RUN}/")
    with page.expect_download(timeout=150_000) as download:
        page.get_by_role("link", name="Download report").click()
    report = tmp_path / download.value.suggested_filename
    download.value.save_as(report)

    page.goto(report.as_uri())

    expect(page.locator("#banner")).to_contain_text(EVIL)
    expect(page.locator("#losses .axis").first).to_be_attached()
    assert page.locator("img").count() == 0


def test_the_report_is_self_contained(page: Page, site: str, address: str, tmp_path: Path) -> None:
    finished(address)
    (tmp_path / "report.html").write_text(
        page.request.get(f"{site}{RUN}/report?generation=0", timeout=150_000).text()
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto((tmp_path / "report.html").as_uri())

    expect(page.locator("#state")).to_contain_text("40 of 40 trials")
    page.get_by_role("button", name="Trial 31", exact=True).click()
    expect(page.locator(".traceback")).to_contain_text("ValueError")
    scroll_to(page, "#importance-title")
    expect(page.locator("#importance dt")).to_have_count(3)
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []


def test_the_history_links_to_a_run(page: Page, site: str, address: str) -> None:
    for run, trials in (("scheduled__2026-01-01T00_00_00-1e8dc70c", 10), ("r1", 20)):
        writer = Writer(address.replace("/r1/", f"/{run}/"), seed=trials)
        writer.now += trials
        writer.open(max_evals=trials)
        writer.run(trials)
        writer.close()

    page.goto(f"{site}{TASK}/")

    expect(page.locator("#runs tbody tr")).to_have_count(2)
    expect(page.locator("#runs tbody tr").first).to_contain_text(re.compile("better|worse"))
    page.get_by_role("link", name="scheduled__2026").click()
    expect(page.locator("#state")).to_contain_text("10 of 10 trials")
    page.get_by_role("link", name="History of this task").click()
    expect(page.locator("#runs tbody tr")).to_have_count(2)


def test_an_older_study_of_a_cleared_task_can_be_chosen(page: Page, site: str, address: str) -> None:
    finished(address, trials=6)
    finished(address.replace("/g0", "/g2"), trials=8)
    page.goto(f"{site}{RUN}/")
    expect(page.locator("#state")).to_contain_text("8 of 8 trials")

    page.get_by_label("Choose a study").select_option("0")

    expect(page.locator("#state")).to_contain_text("6 of 6 trials")
