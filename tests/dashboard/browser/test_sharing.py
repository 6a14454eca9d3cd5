"""What a user takes away from the page: links to a view, pictures of charts, a note."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Download, Page, expect

from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.files.note import write_note
from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.browsers import first_mark
from tests.dashboard.helpers.pages import RUN, client_of, nobody
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer

pytestmark = pytest.mark.integration
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Yield the address of the application, mounted as Airflow mounts it."""
    app = FastAPI()
    app.mount("/sparktune", client_of(tmp_path).app)
    with served(app) as url:
        yield url


@pytest.fixture
def study(address: str) -> Writer:
    writer = Writer(address)
    writer.open(max_evals=40)
    writer.run(40)
    writer.close()
    return writer


def copied(page: Page, button: str) -> str:
    """Return what a button copies."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(button).get_by_role("button", name="Copy link").click()
    expect(page.locator(button).get_by_role("button", name="Copied")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


def framed(link: str, site: str) -> str:
    """Return the address that Airflow's navigation gives its frame for a link."""
    path, _, rest = link.removeprefix(f"{site}/plugin/sparktune").partition("?")
    return f"{site}{unquote(path)}?{rest}"


def test_a_copied_link_restores_the_view(page: Page, site: str, study: Writer) -> None:
    page.goto(f"{site}/sparktune{RUN}/?map_index={{MAP_INDEX}}")
    page.get_by_label("Parameter to filter by").select_option("lr")
    page.get_by_label("lr to").fill("0.1")
    page.get_by_role("button", name="Filter").click()
    page.locator("#log-loss").click()
    log = page.locator("#log-loss").is_checked()
    page.get_by_label("Parameter on the x axis").select_option("depth")
    page.get_by_label("Search trials").fill("ok")
    page.get_by_label("Filter depth").fill("> 3")
    page.get_by_role("button", name="Loss", exact=True).click()
    page.locator("#trials tbody tr").nth(3).click()
    trial = page.locator("#panel h2").inner_text()
    shown = page.locator("#trials-text").inner_text()
    order = page.locator("#trials tbody").inner_text()

    link = copied(page, "#panel")

    assert link.startswith(f"{site}/plugin/sparktune/sparktune{RUN}/?generation=0#")
    page.goto("about:blank")
    page.goto(framed(link, site))
    expect(page.locator("#panel h2")).to_have_text(trial)
    expect(page.locator("#panel")).to_contain_text("Params")
    expect(page.locator("#chips")).to_contain_text("lr: up to 0.1")
    expect(page.locator("#trials-text")).to_have_text(shown)
    expect(page.get_by_label("Filter depth")).to_have_value("> 3")
    assert page.locator("#trials tbody").inner_text() == order
    expect(page.get_by_label("Parameter on the x axis")).to_have_value("depth")
    assert page.locator("#log-loss").is_checked() is log
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Remove the filter lr").click()
    page.get_by_label("Search trials").fill("")
    page.get_by_label("Filter depth").fill("")
    page.reload()
    expect(page.locator("#trials-text")).to_have_text("40 of 40 trials")
    expect(page.locator("#panel")).to_be_hidden()


def test_a_link_names_the_study_in_airflows_form(page: Page, site: str, tmp_path: Path) -> None:
    """Airflow decodes the path of its page once."""
    run = "manual__2026-01-01T00:00:00+00:00 50%"
    writer = Writer(study_address(str(tmp_path), dag_id="churn", task_id="tune", run_id=run, map_index=3))
    writer.open()
    writer.run(3)
    page.goto(f"{site}/sparktune{RUN.replace('r1', run.replace('%', '%25'))}/?map_index=3")
    expect(page.locator("#state")).to_contain_text("3 of 20 trials")

    link = copied(page, "#actions")

    assert urlsplit(link).query == "generation=0&map_index=3"
    page.goto("about:blank")
    page.goto(framed(link, site))
    expect(page.locator("#title")).to_have_text(f"Tuning: churn.tune, {run}, map index 3")


def test_a_page_outside_airflow_links_to_itself(page: Page, tmp_path: Path, study: Writer) -> None:
    with served(client_of(tmp_path).app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}{RUN}/")
        page.get_by_role("button", name="Trial 31", exact=True).click()

        assert copied(page, "#panel") == f"{url}{RUN}/?generation=0#trial=31"


def test_the_panel_of_a_dot_has_the_focus_and_steps_by_keys(page: Page, site: str, study: Writer) -> None:
    page.goto(f"{site}/sparktune{RUN}/")
    page.mouse.click(*first_mark(page, "#losses"))
    panel = page.locator("#panel")
    expect(panel).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()

    page.get_by_role("button", name="Loss").click()
    best = page.locator("#trials tbody tr").first.get_attribute("data-trial")
    second = page.locator("#trials tbody tr").nth(1).get_attribute("data-trial")
    page.get_by_role("button", name=f"Trial {best}", exact=True).click()
    expect(page.get_by_role("button", name="Previous trial")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(panel.locator("h2")).to_have_text(f"Trial {second}")
    page.keyboard.press("ArrowLeft")
    expect(panel.locator("h2")).to_have_text(f"Trial {best}")
    page.get_by_role("button", name="Next trial").click()
    expect(panel.locator("h2")).to_have_text(f"Trial {second}")
    expect(page.get_by_role("button", name="Next trial")).to_be_focused()


def test_the_panel_links_to_the_log_of_its_try(page: Page, site: str, study: Writer) -> None:
    """The task has been tried twice, the second time after this study's trials."""
    tries = [
        {"try_number": 2, "start_date": "2099-01-01T00:00:00Z"},
        {"try_number": 1, "start_date": "2020-01-01T00:00:00Z"},
    ]
    page.route("**/taskInstances/tune/tries", lambda route: route.fulfill(json={"task_instances": tries}))
    page.goto(f"{site}/sparktune{RUN}/")

    page.get_by_role("button", name="Trial 31", exact=True).click()

    link = page.get_by_role("link", name="Log of the task's try")
    expect(link).to_have_attribute("href", "/dags/churn/runs/r1/tasks/tune?try_number=1")


def test_the_panel_is_below_the_page_of_a_narrow_window(page: Page, site: str, study: Writer) -> None:
    page.set_viewport_size({"width": 900, "height": 800})
    page.goto(f"{site}/sparktune{RUN}/")
    page.mouse.click(*first_mark(page, "#losses"))

    box = page.locator("#panel").bounding_box()

    assert box is not None
    assert (box["x"], box["width"]) == (0, 900)
    assert box["y"] > 400


def saved(page: Page, chart: str, kind: str) -> Download:
    """Return the picture of a chart that has been drawn."""
    page.locator(chart).scroll_into_view_if_needed()
    page.locator(f"{chart} .plot text").first.wait_for()
    with page.expect_download() as download:
        page.locator(f"{chart} .saves").first.get_by_text(kind).click()
    return download.value


def test_each_chart_is_saved_as_svg_and_png(page: Page, site: str, address: str, tmp_path: Path) -> None:
    """The pictures of a dark page are light, and need no style sheet."""
    page.emulate_media(color_scheme="dark")
    writer = Writer(address)
    writer.open(max_evals=40)
    writer.run(40)
    for number in range(3):
        writer.report(number, [1, 2, 3], [3.0, 2.0, 1.0 + number])
    writer.close()
    page.goto(f"{site}/sparktune{RUN}/")
    for chart in ("losses", "curves", "timeline", "parallel", "contour", "slices figure:first-child .chart"):
        svg = ElementTree.parse(saved(page, f"#{chart}", "SVG").path()).getroot()
        texts = [each.text for each in svg.iter(f"{SVG}text")]
        colours = {each.get("fill") for each in svg.iter(f"{SVG}text")}
        assert "Tuning: churn.tune, r1" in texts, chart
        assert colours <= {"rgb(28, 36, 48)", "rgb(91, 102, 117)"}, chart
        assert sum(1 for _ in svg.iter(f"{SVG}path")) + sum(1 for _ in svg.iter(f"{SVG}rect")) > 3
        assert not any(each.get("class") or each.get("style") for each in svg.iter())
    assert svg.find(f"{SVG}text").text == "Loss by lr"  # type: ignore[union-attr]
    assert {"lr", "loss"} <= set(texts)

    png = saved(page, "#losses", "PNG")

    assert png.suggested_filename == "loss-by-trial.png"
    with Image.open(png.path()) as image:
        colours_of = image.convert("RGB").getcolors(1 << 20)
        assert image.width == 2 * page.locator("#losses").evaluate("node => node.clientWidth")
    assert colours_of is not None
    assert max(colours_of)[1] == (255, 255, 255)
    assert len(colours_of) > 50


def test_a_note_is_written_and_another_ones_is_read_first(
    page: Page, site: str, address: str, study: Writer
) -> None:
    page.goto(f"{site}/sparktune{RUN}/")
    page.get_by_role("button", name="Add a note").click()
    page.get_by_label("Note").fill("<b>Before</b> the price change.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#note p")).to_have_text("<b>Before</b> the price change.")
    expect(page.locator("#note")).to_contain_text("ada, 20")

    page.get_by_role("button", name="Edit the note").click()
    write_note(LocalStorage(address), "Mine.", replaces=1, by="bob", wall=time.time)
    page.get_by_label("Note").fill("Yours.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("The last note: Mine.")
    expect(page.get_by_label("Note")).to_have_value("Yours.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#note p")).to_have_text("Yours.")

    page.get_by_role("link", name="History of this task").click()
    expect(page.locator("#runs tbody")).to_contain_text("Yours.")


def test_a_user_without_edit_rights_reads_the_note(
    page: Page, tmp_path: Path, address: str, study: Writer
) -> None:
    write_note(LocalStorage(address), "Mine.", replaces=0, by="bob", wall=time.time)
    with served(client_of(tmp_path, editor=nobody).app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}{RUN}/")
        expect(page.locator("#note")).to_contain_text("Mine.bob, 20")
        page.wait_for_load_state("networkidle")
        expect(page.locator("#note").get_by_role("button")).to_have_count(0)


def test_the_history_is_by_logical_date(page: Page, site: str, tmp_path: Path) -> None:
    """A backfill runs the weeks at the same time, and in any order."""
    for week in (3, 1, 2):
        writer = Writer(study_address(str(tmp_path), dag_id="churn", task_id="tune", run_id=f"week{week}"))
        writer.open(max_evals=3)
        writer.run(3)
        writer.close()
    instances = [
        {"dag_run_id": f"week{week}", "map_index": -1, "rendered_map_index": None}
        | {"logical_date": f"2026-0{week}-01T00:00:00Z", "run_after": "2026-11-29T00:00:00Z"}
        for week in (1, 2, 3)
    ]
    page.route("**/taskInstances?*", lambda route: route.fulfill(json={"task_instances": instances}))
    page.goto(f"{site}/sparktune/dags/churn/tasks/tune/")

    expect(page.locator("#runs tbody tr")).to_contain_text(["week3", "week2", "week1"])
    ticks = page.locator("#best .plot svg.front text").all_text_contents()
    assert {text[:7] for text in ticks} >= {"2026-01", "2026-02"}
    assert "2026-11" not in {text[:7] for text in ticks}
