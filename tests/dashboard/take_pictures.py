"""Take the documentation's pictures of the page, over studies that are made up.

    python -m tests.dashboard.take_pictures docs

Writes tuning.png, tuning-running.png, tuning-failed.png, tuning-lost.png, tuning-limits.png,
tuning-history.png, tuning-compare.png, segments.png, segments-history.png and studies.png.
"""

from __future__ import annotations

import heapq
import math
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from playwright.sync_api import Browser

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.space import choice, loguniform, uniform, uniformint
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState
from benchmarks.simulated import Ending, SimulatedEngine, VirtualClock
from tests.dashboard.helpers.browsers import a_browser
from tests.dashboard.helpers.pages import client_of
from tests.dashboard.helpers.regions import write_segments
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer
from tests.dashboard.helpers.team import team_lines

SPACE = {
    "learning_rate": loguniform(1e-4, 1.0),
    "model": choice(
        [
            {"kind": "forest", "depth": uniformint(2, 12), "max_features": uniform(0, 1)},
            {"kind": "boosting", "shrinkage": loguniform(1e-3, 1.0)},
        ]
    ),
}
REGIONS = ("north", "south", "west")
FAILURE = Failure(
    FailureKind.RAISED,
    "MemoryError: cannot allocate 3.2 GiB",
    'Traceback (most recent call last):\n  File "train.py", line 41, in loss\nMemoryError',
)


@dataclass(frozen=True)
class Made:
    """A study in which `trials` began; the last `running` of them have not ended. All fail with `broken`."""

    trials: int
    running: int = 0
    ended_s_ago: float = 0.0
    broken: bool = False
    max_evals: int = 60
    seed: int = 7

    def write(self, address: str) -> Writer:
        """Write it as a driver with 4 slots; the search gets better with time."""
        luck = random.Random(self.seed)
        writer = Writer(address, space=SPACE, seed=self.seed)
        longest = 3.0 if self.broken else 9.0
        lengths = [luck.uniform(longest / 2, longest) for _ in range(self.trials)]
        writer.now = time.time() - self.ended_s_ago - sum(lengths) / 4 - 8
        writer.open(max_evals=self.max_evals)
        writer.now += 6
        free, ending = [(writer.now, slot) for slot in range(4)], []
        for trial, length in zip(writer.trials(self.trials), lengths, strict=True):
            start, slot = heapq.heappop(free)
            heapq.heappush(free, (start + length, slot))
            ending.append((start + length, replace(trial, start=start, slot=slot)))
        for index, (end, trial) in enumerate(sorted(ending, key=lambda each: each[0])):
            writer.now = max(writer.now, trial.start or 0.0)
            writer.put(trial, commit=False)
            if index < self.trials - self.running:
                writer.now = end
                writer.put(self._ended(trial, end, luck), commit=False)
        writer.stream.commit()
        return writer

    def _ended(self, trial: Trial, end: float, luck: random.Random) -> Trial:
        run_s = end - (trial.start or end) - 0.1
        crowded = any(value > 0.9 for label, value in trial.point.items() if label.endswith("max_features"))
        if self.broken or crowded:
            return trial.ended(TrialState.FAILED, end=end, run_s=run_s, error=FAILURE)
        loss = round(0.045 + luck.expovariate(1 / 0.05) * (1 - trial.number / 120), 4)
        return trial.ended(TrialState.OK, end=end, run_s=run_s, loss=loss, info={"auc": 1 - loss})


def within_limits(address: str) -> None:
    """Run a study of gp in which predictions may take at most 6 ms, on 4 simulated slots."""
    space = {
        "trees": loguniform(10, 1000),
        "depth": uniformint(2, 16),
        "learning_rate": loguniform(0.005, 0.5),
        "columns": uniform(0.2, 1.0),
    }
    rails = {"latency_ms": {"max": 6.0}}
    spec = Spec.of(
        objective="churn.train:loss", space=space, max_evals=60, seed=7, retuning={"guardrails": rails}
    )

    def play(call: Call) -> Ending:
        given, luck = call.params, random.Random(call.trial.seed)
        work = given["trees"] * given["depth"]
        loss = 0.1 + 2 / (work + 8) + (math.log(given["learning_rate"] * work / 40) / 12) ** 2
        loss += 0.1 * (given["columns"] - 0.7) ** 2 + 0.5 / given["depth"] ** 2
        info = {"latency_ms": round(work / 70 * luck.uniform(0.9, 1.1), 2)}
        length = 4 + work / 1500
        return Ending(length, reply=Reply(length, loss=round(loss, 4), info=info))

    clock = VirtualClock(at=time.time() - 600)
    engine = SimulatedEngine(clock, play, capacity=4)
    Attempt(SpecPlan(spec, engine), open_storage(address), address, clock=clock).run()


def main(folder: Path) -> None:
    """Write all pictures into a folder."""
    root = Path(tempfile.mkdtemp())

    def address(run: str, task: str = "tune", **place: Any) -> str:
        return study_address(str(root), dag_id="churn", task_id=task, run_id=run, **place)

    Made(60).write(address("done")).close()
    within_limits(address("limits"))
    Made(38, running=4).write(address("running"))
    Made(38, running=4, ended_s_ago=1200).write(address("lost"))
    error = {
        "type": "ObjectiveError",
        "message": "all of the first 5 trials failed, the last with MemoryError: cannot allocate 3.2 GiB",
        "retryable": False,
        "traceback": FAILURE.traceback,
    }
    Made(5, broken=True).write(address("failed")).close("error", error=error)
    for month in range(1, 7):
        for index in range(len(REGIONS)):
            made = Made(20, max_evals=20, ended_s_ago=(7 - month) * 30 * 86_400, seed=10 * month + index)
            made.write(address(run(month), "regions", map_index=index)).close()
    app = FastAPI()
    app.mount("/sparktune", client_of(root).app)
    write_segments(address)
    with served(app) as url, a_browser() as browser:
        tune = f"{url}/sparktune/dags/churn/tasks/tune/runs"
        picture(browser, f"{tune}/done/", folder / "tuning.png", height=1120, scale=1.25)
        for state in ("running", "failed", "lost"):
            picture(browser, f"{tune}/{state}/", folder / f"tuning-{state}.png", state=state)
        limits_picture(browser, f"{tune}/limits/", folder / "tuning-limits.png")
        history = f"{url}/sparktune/dags/churn/tasks/regions/"
        picture(browser, history, folder / "tuning-history.png", height=620)
        chosen = "&".join(f"study=churn/regions/{run(month)}/0/0" for month in (4, 5, 6))
        compared = f"{url}/sparktune/compare/?{chosen}&over=time"
        picture(browser, compared, folder / "tuning-compare.png", height=1640)
        regions = f"{url}/sparktune/dags/churn/tasks/by_region"
        table_picture(browser, f"{regions}/runs/{run(6)}/", folder / "segments.png", "segments")
        table_picture(browser, f"{regions}/", folder / "segments-history.png", "weeks")
        studies_picture(browser, f"{url}/sparktune/", folder / "studies.png")


def run(month: int) -> str:
    """Return the id of a month's run."""
    return f"scheduled__2026-0{month}-01"


def day(month: int) -> str:
    """Return the date of a month's run."""
    return f"2026-0{month}-01T00:00:00Z"


def picture(
    browser: Browser, url: str, file: Path, *, height: int = 760, scale: float = 1.0, state: str = "success"
) -> None:
    """Take one picture; `state` is that of the task instance in Airflow."""
    page = browser.new_page(viewport={"width": 1200, "height": height}, device_scale_factor=scale)
    known = {"try_number": 1, "rendered_map_index": None, "operator_name": "SparkTuneOperator"}
    known |= {"state": "running" if state == "running" else "failed", "run_after": "2026-11-25T00:00:00Z"}
    instances = [
        {"dag_run_id": run(month), "map_index": index, "rendered_map_index": name, "run_after": day(month)}
        for month in range(1, 7)
        for index, name in enumerate(REGIONS)
    ]
    page.route("**/taskInstances/tune*", lambda route: route.fulfill(json=known))
    page.route("**/taskInstances?*", lambda route: route.fulfill(json={"task_instances": instances}))
    page.goto(url)
    page.locator(".plot .axis").first.wait_for(state="attached")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file)
    page.close()


def limits_picture(browser: Browser, url: str, file: Path) -> None:
    """Take the picture of the limited metric: by trial, and in the parallel coordinates."""
    page = browser.new_page(viewport={"width": 1200, "height": 760})
    page.goto(url)
    page.locator("#parallel .axis").first.wait_for(state="attached")
    page.locator("#y-axis").select_option("latency_ms")
    others = page.locator("#study > :not(#losses-section, #parallel-section)")
    others.evaluate_all("all => all.forEach((each) => each.hidden = true)")
    page.locator("#study").screenshot(path=file)
    page.close()


def table_picture(browser: Browser, url: str, file: Path, table: str) -> None:
    """Take the picture of a page with a table of segments."""
    page = browser.new_page(viewport={"width": 1280, "height": 640})
    page.goto(url)
    page.locator(f"#{table} tbody tr").first.wait_for()
    page.wait_for_load_state("networkidle")
    if table != "segments":
        page.locator(f"#{table}-text").locator("..").scroll_into_view_if_needed()
        page.locator("#weeks-section").screenshot(path=file)
    else:
        page.screenshot(path=file)
    page.close()


def studies_picture(browser: Browser, url: str, file: Path) -> None:
    """Take the picture of a team's tasks."""
    page = browser.new_page(viewport={"width": 1280, "height": 560})
    reply = {"body": team_lines(time.time()), "content_type": "application/x-ndjson"}
    page.route(re.compile(r"/studies\?"), lambda route: route.fulfill(**reply))
    page.goto(url)
    page.locator("#tasks tbody tr").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file)
    page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
