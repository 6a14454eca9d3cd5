"""Measure how long the pages keep the browser busy, with very many rows. Not part of the tests.

    python -m tests.dashboard.measure_frames

For each step, such as a brush, it prints the time of the page's main thread: the thread's own, which other
programs do not lengthen, and the time by the clock.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import CDPSession, Page, Route

from airflow_sparktune.dashboard.browse.schemas import End
from airflow_sparktune.dashboard.segments.schemas import Block, SegmentCells, SegmentsReply
from airflow_sparktune.dashboard.segments.table import BLOCK
from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.storage import open_storage
from tests.dashboard.helpers.browsers import a_browser
from tests.dashboard.helpers.pages import RUN, TASK, client_of
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer
from tests.dashboard.helpers.team import team_lines

TRIALS, TASKS, SEGMENTS = 10_000, 2_000, 1_000
SEGMENTED = f"{TASK}/runs/r2"
STEPS = 15
TARGET_MS = 100


@dataclass(frozen=True)
class Meter:
    """Reads the times of a page's main thread."""

    page: Page
    session: CDPSession

    @classmethod
    def of(cls, page: Page) -> Meter:
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        return cls(page, session)

    def busy_s(self) -> float:
        found = self.session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in found if each["name"] == "TaskDuration"))

    def measure(self, what: str, step: Callable[[int], None]) -> None:
        """Print the times of each step, until the browser has drawn it."""
        busy, clock = [], []
        for number in range(STEPS):
            before, began = self.busy_s(), time.perf_counter()
            step(number)
            self.page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
            clock.append(1000 * (time.perf_counter() - began))
            busy.append(1000 * (self.busy_s() - before))
        figures = f"median {median(busy):6.1f} ms, longest {max(busy):6.1f} ms"
        figures += f", by the clock {median(clock):6.1f} ms"
        sys.stdout.write(f"{what:32} {figures}{'' if median(busy) < TARGET_MS else ', TOO SLOW'}\n")
        sys.stdout.flush()


def trials(page: Page, url: str) -> None:
    """Scroll the table and brush the axes of a study."""
    page.goto(f"{url}{RUN}/")
    page.locator("#trials tbody tr").first.wait_for()
    meter = Meter.of(page)
    page.locator("#parallel").scroll_into_view_if_needed()
    box = page.locator("#parallel .area").bounding_box()
    assert box is not None
    left, top = box["x"] + box["width"] * 0.01, box["y"] + box["height"] * 0.2

    def brush(number: int) -> None:
        page.mouse.move(left, top)
        page.mouse.down()
        page.mouse.move(left, top + 60 + 8 * number)
        page.mouse.up()

    meter.measure("brush an axis", brush)
    meter.measure("search a text", lambda number: page.get_by_label("Search trials").fill(str(number)))
    page.get_by_label("Search trials").fill("")
    for _ in range(4):
        page.get_by_role("button", name="Show more").click()
    scroll(page, meter, "trials", "scroll 2,100 of 10,000 trials")


def tasks(page: Page, url: str) -> None:
    """Scroll and filter the browser of studies."""
    lines = [json.loads(line) for line in team_lines(time.time()).splitlines()[:-1]]
    rows = [{**lines[number % len(lines)], "dag_id": f"dag_{number}"} for number in range(TASKS)]
    body = "".join(json.dumps(row) + "\n" for row in rows) + End().model_dump_json() + "\n"
    page.route(re.compile(r"/studies\?"), lambda route: route.fulfill(body=body))
    page.goto(f"{url}/")
    page.locator("#tasks-text", has_text=re.compile("listed$")).wait_for()
    meter = Meter.of(page)
    meter.measure("filter 2,000 tasks", lambda number: page.get_by_label("Filter DAG").fill(str(number)))
    page.get_by_label("Filter DAG").fill("")
    while page.get_by_role("button", name="Show more").is_visible():
        page.get_by_role("button", name="Show more").click()
    scroll(page, meter, "tasks", "scroll 2,000 tasks")


def segments(page: Page, url: str) -> None:
    """Scroll and filter the table of an application's segments, and take in news of a block of them."""
    running: dict[str, Any] = {
        "phase": "running",
        "max_evals": 24,
        "bests": [(1, 0.9), (4, 0.7)],
        "best": 0.7,
    }
    rows = [
        SegmentCells(segment=f"s{number}", finished=9, counts={"ok": 9}, slot_hours=0.1, **running)
        for number in range(SEGMENTS)
    ]
    sent = [0]

    def answer(route: Route) -> None:
        """Send all blocks, then the first one with another number of trials each time."""
        blocks = []
        for first in range(0, SEGMENTS if not sent[0] else BLOCK, BLOCK):
            some = [row.model_copy(update={"finished": 9 + sent[0]}) for row in rows[first : first + BLOCK]]
            blocks.append(Block(first=first, tag=f"{first} {sent[0]}", rows=some))
        reply = SegmentsReply(title="t", generation=0, generations=[0], segments=SEGMENTS, blocks=blocks)
        sent[0] += 1
        route.fulfill(body=reply.model_dump_json(), content_type="application/json")

    page.route(re.compile(r"/segments\?"), answer)
    page.goto(f"{url}{SEGMENTED}/")
    page.locator("#segments tbody tr").first.wait_for()
    meter = Meter.of(page)
    label = f"{SEGMENTS:,} segments"
    meter.measure(f"filter {label}", lambda number: page.get_by_label("Filter Segment").fill(str(number)))
    page.get_by_label("Filter Segment").fill("")
    while page.get_by_role("button", name="Show more").is_visible():
        page.get_by_role("button", name="Show more").click()
    scroll(page, meter, "segments", f"scroll {label}")
    meter.measure("news of 50 segments", lambda _: page.wait_for_event("response"))


def scroll(page: Page, meter: Meter, table: str, what: str) -> None:
    region = page.locator(f".scroll:has(> #{table})")
    region.scroll_into_view_if_needed()
    meter.measure(what, lambda number: region.evaluate(f"node => node.scrollTop = {700 * number}"))


def main() -> None:
    """Print the times of the pages."""
    root = Path(tempfile.mkdtemp())
    writer = Writer(study_address(str(root), dag_id="churn", task_id="tune", run_id="r1"), slots=32)
    writer.open(max_evals=TRIALS)
    writer.run(TRIALS, commit=False)
    writer.close()
    write = open_storage(study_address(str(root), dag_id="churn", task_id="tune", run_id="r2")).write
    write("segments.json", b"{}")
    with served(client_of(root).app) as url, a_browser() as browser:  # type: ignore[arg-type]
        for measured in (trials, tasks, segments):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(120_000)
            measured(page, url)
            page.close()


if __name__ == "__main__":
    main()
