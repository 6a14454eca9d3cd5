"""The page shows the state of a study and its errors: states, names, panel, button."""

from __future__ import annotations

import base64
import dataclasses
import random
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, Route, expect

from airflow_sparktune import dashboard
from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.formatting import number, with_error
from airflow_sparktune.study.space import choice, loguniform, uniform, uniformint
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import TrialState
from tests.dashboard.helpers.browsers import first_mark
from tests.dashboard.helpers.pages import RUN, TASK, client_of, nobody
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import TRACEBACK, Writer
from tests.study.test_formatting import NUMBERS, WITH_ERROR

pytestmark = pytest.mark.integration

FORMAT_JS = Path(dashboard.__file__).parent / "static/format.js"

SPACE = {
    "lr": loguniform(1e-4, 1.0),
    "model": choice(
        [
            {"kind": "forest", "depth": uniformint(2, 12), "max_features": uniform(0, 1)},
            {"kind": "boosting", "shrinkage": loguniform(1e-3, 1.0), "booster": choice(["gbtree", "dart"])},
        ]
    ),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Serve the page at the path where Airflow mounts it."""
    app = FastAPI()
    app.mount("/sparktune", client_of(tmp_path).app)
    with served(app) as url:
        yield f"{url}/sparktune"


def task_is(page: Page, **instance: Any) -> None:
    """Let Airflow's REST API return this task instance."""
    known = {"try_number": 3, "rendered_map_index": None, "operator_name": "SparkTuneOperator", **instance}
    known.setdefault("run_after", "2026-01-31T08:00:00Z")
    page.route("**/api/v2/**/taskInstances/tune*", lambda route: route.fulfill(json=known))


def write(address: str, *, trials: int = 20, ago_s: float = 20, **opened: Any) -> Writer:
    writer = Writer(address, space=SPACE)
    writer.now = time.time() - ago_s
    writer.open(max_evals=40, **opened)
    writer.run(trials)
    return writer


def test_a_study_without_trials_shows_what_it_waits_for(page: Page, site: str, address: str) -> None:
    task_is(page, state="running")
    writer = write(address, trials=0)
    writer.write(event="spark", spark={"ui": "http://driver:4040"})
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#headline")).to_contain_text("Starting")
    expect(page.locator("#headline")).to_contain_text("workers are starting")
    for chart in ("losses", "parallel", "slices", "timeline", "contour", "trials"):
        expect(page.locator(f"#{chart}-section")).to_be_hidden()


def test_a_study_is_lost_once_its_task_has_ended(page: Page, site: str, address: str) -> None:
    task_is(page, state="failed")
    writer = write(address)
    for trial in writer.trials(3, first=20):
        writer.put(trial)
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#headline")).to_contain_text("Lost")
    expect(page.locator("#banner")).to_contain_text("The driver died: its last update was 20")
    expect(page.locator("#state")).not_to_contain_text("to go")
    expect(page.locator("#state")).to_contain_text("3 cut off")
    expect(page.locator("tr[data-trial='21']")).to_contain_text("cut off")
    expect(page.locator("#state")).not_to_contain_text("running")
    expect(page.locator("#state")).to_contain_text("Airflow try 3, driver attempt 1")


def test_between_two_tries_no_trial_runs(page: Page, site: str, address: str) -> None:
    """The driver was killed with SIGKILL a moment ago, and its journal tells nothing of it."""
    writer = write(address)
    for trial in writer.trials(2, first=20):
        writer.put(trial)
    task_is(page, state="queued", queued_when=datetime.now(UTC).isoformat())
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#headline")).to_contain_text("Waiting")
    expect(page.locator("#headline")).to_contain_text(
        "waiting for the driver of the task's next try; best loss"
    )
    expect(page.locator("#state")).to_contain_text("2 cut off")
    expect(page.locator("#state")).not_to_contain_text("running")
    expect(page.get_by_role("button", name="Stop and keep the best")).to_have_count(0)


def test_an_ended_driver_has_a_retry_or_the_task_must_be_cleared(page: Page, site: str, address: str) -> None:
    writer = write(address)
    writer.close("killed")
    task: dict[str, Any] = {}
    page.route("**/api/v2/**/taskInstances/tune*", lambda route: route.fulfill(json=task))
    retry, clear = "A retry of the task continues the study.", "clear the task to continue"
    for state, attempt, said in (
        ("up_for_retry", 1, retry),
        ("running", 1, retry),
        ("running", 3, f"No retry will follow: {clear}"),
        ("failed", 1, f"No retry follows: {clear}"),  # marked as failed
    ):
        task |= {"state": state, "try_number": attempt, "max_tries": 2, "operator_name": "SparkTuneOperator"}
        page.goto(f"{site}{RUN}/")
        expect(page.locator("#banner")).to_contain_text(f"The driver was killed.{said}")


@pytest.mark.parametrize(
    ("state", "title"),
    [("failed", "Failed before a driver started"), ("running", "Waiting for the driver")],
)
def test_a_task_without_a_study_shows_its_state(page: Page, site: str, state: str, title: str) -> None:
    task_is(page, state=state)
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#notices")).to_contain_text(title)


def test_a_study_that_maximises_shows_its_score(page: Page, site: str, address: str) -> None:
    """The journal has the score with the other sign; best is what is largest."""
    writer = Writer(address, space=SPACE)
    writer.open(max_evals=4, maximize="accuracy", limits={"loss_threshold": 0.99})
    for trial, score in zip(writer.trials(4), (0.5, 0.75, 0.625, 0.25), strict=True):
        writer.put(trial.ended(TrialState.OK, end=writer.now, run_s=1.0, loss=-score))
    writer.close()
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#headline")).to_contain_text("best accuracy 0.75, 50 % better than the first trial")
    expect(page.locator("#state")).to_contain_text("Best accuracy")
    expect(page.locator("#state")).to_contain_text("trial 1 after ")
    expect(page.locator("#losses-title")).to_have_text("Accuracy by trial")
    expect(page.locator("#losses-text")).to_contain_text(
        "Highest accuracy 0.75 at trial 1; it improved once."
    )
    expect(page.locator("#losses")).to_contain_text("accuracy threshold")
    expect(page.locator("#parallel-legend")).to_contain_text(re.compile(r"best 0.75\s+worst 0.25"))
    page.get_by_role("button", name="Accuracy", exact=True).click()
    expect(page.locator("#trials tbody tr").first).to_contain_text("0.25")
    page.get_by_role("button", name="Trial 1", exact=True).click()
    expect(page.locator("#panel")).to_contain_text("ok, accuracy 0.75")
    page.goto(f"{site}{TASK}/")
    expect(page.locator("#best-title")).to_have_text("Best accuracy of each run")
    expect(page.locator("#best")).to_contain_text("0.75")


def test_noisy_trials_show_the_expected_loss(page: Page, site: str, address: str) -> None:
    """The result is the recommended trial; the chart still shows the lucky one."""
    writer = Writer(address, space=SPACE)
    writer.open(max_evals=4)
    for trial, loss in zip(writer.trials(4), (0.5, 0.25, 0.3, 0.4), strict=True):
        writer.put(trial.ended(TrialState.OK, end=writer.now, run_s=1.0, loss=loss))
    writer.write(event="recommended", trial=2, loss=0.3125, noise=0.0625)
    writer.close()
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#headline")).to_contain_text(
        "best expected loss 0.3125, 38 % better than the first trial"
    )
    expect(page.locator("#state")).to_contain_text("; expected, single trials vary by ± 0.063")
    expect(page.locator("#losses-text")).to_contain_text("Lowest loss 0.25 at trial 1; it improved once.")
    expect(page.locator("#losses-text")).to_contain_text(
        "the result is the trial with the best expected loss."
    )
    expect(page.locator("tr[data-trial='2']")).to_contain_text("ok, best")
    expect(page.locator("tr[data-trial='1']")).not_to_contain_text("best")


def test_a_failure_is_a_banner_with_its_traceback_folded(page: Page, site: str, address: str) -> None:
    writer = Writer(address, space=SPACE)
    writer.open(max_evals=40)
    for trial in writer.trials(6):
        writer.put(
            dataclasses.replace(writer.ended(dataclasses.replace(trial, number=4)), number=trial.number)
        )
    message = "every trial failed: 6 of 6\nthe objective is at fault"
    error = {"type": "ObjectiveError", "message": message, "retryable": False, "traceback": TRACEBACK}
    writer.close("error", error=error)
    page.goto(f"{site}{RUN}/")

    banner = page.locator("#banner")
    expect(page.locator("#headline")).to_contain_text("Failed")
    expect(banner.locator(".strong")).to_have_text("ObjectiveError: every trial failed: 6 of 6")
    expect(banner).to_contain_text("6 failed: ValueError")
    expect(banner.locator("pre")).to_be_hidden()
    banner.get_by_text("Traceback", exact=True).click()
    expect(banner.locator("pre")).to_contain_text("train.py")
    expect(page.locator("#losses-section")).to_be_hidden()
    expect(page.locator("#slices-section")).to_be_hidden()
    box = banner.bounding_box()
    assert box
    assert box["width"] > 1200


def test_a_conditional_space_is_shown_with_names(page: Page, site: str, address: str) -> None:
    write(address, trials=40).close()
    page.goto(f"{site}{RUN}/")

    head = page.locator("#trials thead")
    for name in ("model", "forest.depth", "forest.max_features", "boosting.shrinkage", "boosting.booster"):
        expect(head.get_by_role("button", name=name, exact=True)).to_be_visible()
    expect(page.locator("#tree")).to_contain_text(re.compile(r"forest: \d+ trials, lowest"))
    expect(page.locator("#tree")).to_contain_text(re.compile(r"dart: \d+ trials"))
    expect(page.locator("#trials tbody tr td", has_text="forest").first).to_have_text("forest")
    heights = page.locator("#trials tbody tr").evaluate_all("rows => rows.map(row => row.offsetHeight)")
    assert max(heights) - min(heights) <= 1
    assert "[0]" not in page.locator("main").inner_text()
    cells = page.locator("#trials tbody tr").first.locator("td").all_inner_texts()
    assert "" in cells


def test_the_params_can_be_copied_exactly_as_json_and_as_python(page: Page, site: str, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    writer = Writer(address, space=SPACE)
    writer.open(max_evals=1)
    [trial] = writer.trials(1)
    params = {"lr": 0.123456789, "flag": True, "none": None, "list": [1, "a"]}
    writer.put(dataclasses.replace(trial.ended(TrialState.OK, end=writer.now, loss=1.0), params=params))
    writer.close()
    page.goto(f"{site}{RUN}/")

    page.get_by_role("button", name="Copy as Python").click()
    copied = page.evaluate("navigator.clipboard.readText()")

    assert eval(copied) == params
    page.get_by_role("button", name="Copy as JSON").click()
    assert '"flag": true' in page.evaluate("navigator.clipboard.readText()")


def test_metrics_are_columns_and_can_be_the_y_axis(page: Page, site: str, address: str) -> None:
    writer = Writer(address)
    writer.open(max_evals=9)
    for trial in writer.trials(9):
        ended = writer.ended(trial)
        writer.put(
            dataclasses.replace(ended, info={"auc": 0.5 + trial.number / 100, "curve": [3.0, 2.0, 1.0]})
        )
    writer.close()
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#trials thead")).to_contain_text("auc")
    page.locator("#y-axis").select_option("auc")
    expect(page.locator("#losses-title")).to_have_text("auc by trial")
    expect(page.locator("#losses .front")).to_contain_text("auc")
    page.locator("tr[data-trial='7']").click()
    expect(page.locator("#panel")).to_contain_text("curve: 3 values, the last 1")
    expect(page.locator("#panel .sparkline")).to_be_visible()


def test_a_dot_of_the_losses_opens_its_trial(page: Page, site: str, address: str) -> None:
    write(address, trials=30).close()
    page.goto(f"{site}{RUN}/")
    x, y = first_mark(page, "#losses")

    expect(page.locator("#losses .tip")).to_contain_text("lr = ")
    page.mouse.click(x, y)

    expect(page.locator("#panel h2")).to_have_text(re.compile(r"Trial \d+"))
    page.locator("tr[data-trial='4']").click()
    expect(page.locator("#panel")).to_contain_text("matrix is singular")
    page.get_by_role("button", name="Close the panel").click()
    expect(page.locator("#panel")).to_be_hidden()


def test_the_expected_time_follows_the_pace_of_the_trials(page: Page, site: str, address: str) -> None:
    """Preparation took 200 s; 20 of 40 trials took 0.3 s each: 6 s to go, not 200."""
    writer = Writer(address, space=SPACE, slots=1)
    writer.now = time.time() - 206
    writer.open(max_evals=40)
    writer.now += 200
    writer.run(20)
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#state")).to_contain_text(re.compile(r"about [56]\.\d s to go"))


def test_the_expected_time_counts_down_while_trials_run(page: Page, site: str, address: str) -> None:
    """Four trials of 100 s have ended, two have run for 20 s, four follow. The driver is silent."""
    writer = Writer(address, space=SPACE, slots=2)
    writer.now = time.time() - 220
    writer.open(max_evals=10)
    for first in (0, 2, 4):
        two = [dataclasses.replace(trial, start=writer.now) for trial in writer.trials(2, first=first)]
        for trial in two:
            writer.put(trial)
        if first < 4:
            writer.now += 100
            for trial in two:
                writer.put(trial.ended(TrialState.OK, end=writer.now, run_s=100.0, loss=1.0))
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#state")).to_contain_text(re.compile(r"about 4 min [0-4]?\d s to go"))
    expect(page.locator("#state")).to_contain_text("100 % busy")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"limits": {"no_progress": 30}}, r"at most 10 min 0 s to go"),
        ({"limits": {"budget_slot_hours": 0.5}}, r"about 8 min 20 s to go|about 8 min 1\d s to go"),
        ({"retuning": {"incumbent": "previous"}}, r"about 10 min 0 s to go, then the confirmation"),
        (
            {"retuning": {"incumbent": "previous"}, "timeout": 2_400},
            r"about 8 min 20 s to go, then|about 8 min 1\d s to go, then",
        ),
        ({"max_evals": None, "limits": {"loss_threshold": 0.0}}, "until a limit on the loss ends it"),
    ],
)
def test_the_expected_time_counts_the_limits(
    page: Page, site: str, address: str, limits: dict[str, Any], words: str
) -> None:
    """In one slot, reserved for 1,300 s, 20 of 30 trials have ended, each after a minute."""
    writer = Writer(address, space=SPACE, slots=1)
    writer.now, writer.reserved = time.time() - 1_300, 0.0
    writer.open(**{"max_evals": 30, **limits})
    writer.now += 100
    for trial in writer.trials(20):
        running = dataclasses.replace(trial, start=writer.now)
        writer.put(running)
        writer.now += 60
        writer.put(running.ended(TrialState.OK, end=writer.now, run_s=60.0, loss=1.0))
    writer.reserved = 1_300.0
    writer.write(event="alive")
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#state")).to_contain_text(re.compile(words))


def test_slots_that_do_not_exist_are_not_named(page: Page, site: str, address: str) -> None:
    """16 trials at once wait for two slots, of which the study has reserved four."""
    writer = Writer(address, space=SPACE, slots=16)
    writer.reserved = 0.0
    writer.open(max_evals=40)
    writer.write(event="slots", slots=2)
    writer.run(40)
    writer.reserved = 4 * 3_600.0
    writer.close()
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#state")).to_contain_text("2 slots")
    expect(page.locator("#state")).to_contain_text("4 slot-hours reserved, 0.0028 used")
    expect(page.locator("#timeline-text")).to_contain_text("40 trials, 2 slots at the end.")


def test_page_and_driver_format_numbers_alike(page: Page) -> None:
    source = base64.b64encode(FORMAT_JS.read_bytes()).decode()
    script = f"""async ([numbers, measured]) => {{
        const {{ number, withError }} = await import("data:text/javascript;base64,{source}");
        return [numbers.map(number), measured.map((each) => withError(...each))];
    }}"""
    drawn = random.Random(1)
    values = [value for value, _ in NUMBERS]
    values += [drawn.choice((-1, 1)) * 10 ** drawn.uniform(-12, 17) for _ in range(2_000)]
    values += [drawn.randrange(1, 100_000) / 2 ** drawn.randrange(20) for _ in range(2_000)]  # ties
    measured = [(value, error) for value, error, _ in WITH_ERROR]
    measured += [(drawn.uniform(-10, 10), 10 ** drawn.uniform(-9, 3)) for _ in range(2_000)]

    numbers, with_errors = page.evaluate(script, [values, measured])

    assert numbers == [number(value) for value in values]
    assert with_errors == [with_error(*each) for each in measured]


def test_a_user_who_may_edit_the_task_stops_the_study(page: Page, site: str, address: str) -> None:
    write(address)
    page.goto(f"{site}{RUN}/")

    page.get_by_role("button", name="Stop and keep the best").click()

    expect(page.locator("#notices")).to_contain_text("keeps the best trial")
    assert stop_requested(open_storage(address), attempt=1) is not None


def test_other_users_get_no_button(page: Page, tmp_path: Path, address: str) -> None:
    write(address)
    with served(client_of(tmp_path, editor=nobody).app) as url:  # type: ignore[arg-type]
        page.goto(f"{url}{RUN}/")
        expect(page.locator("#headline")).to_contain_text("Running")
        page.wait_for_timeout(2500)  # two polls

        expect(page.get_by_role("button", name="Stop and keep the best")).to_have_count(0)


def test_the_history_of_a_mapped_task_has_a_series_for_each_index(
    page: Page, site: str, address: str
) -> None:
    instances = []
    for day in (1, 2, 3):
        run = f"scheduled__2026-01-0{day}T00:00:00+00:00"
        for index, name in enumerate(("north", "south")):
            at = study_address(
                address.split("/churn/")[0], dag_id="churn", task_id="tune", run_id=run, map_index=index
            )
            writer = Writer(at, space=SPACE, seed=10 * day + index)
            writer.now -= 86_400 * (4 - day)
            code = "a" * 64 if day < 3 else "b" * 64
            writer.open(max_evals=9, code=code)
            writer.run(9)
            writer.close()
            instances.append(
                {
                    "dag_run_id": run,
                    "map_index": index,
                    "rendered_map_index": name,
                    "run_after": f"2026-01-0{day}T00:00:00Z",
                    "state": "success",
                }
            )

    def answer(route: Route) -> None:
        route.fulfill(json={"task_instances": instances, "total_entries": len(instances)})

    page.route("**/api/v2/**/taskInstances?*", answer)
    page.goto(f"{site}{TASK}/")

    expect(page.locator("#best figure")).to_have_count(2)
    expect(page.locator("#best figcaption").first).to_contain_text("north (0): ")
    rows = page.locator("#runs tbody tr")
    expect(rows).to_have_count(6)
    expect(rows.first).to_contain_text("scheduled__2026-01-03T00:00:00+00:00")
    expect(rows.first).to_contain_text("south (1)")
    expect(rows.first).to_contain_text("code")
    page.get_by_role("link", name="scheduled__2026-01-03T00:00:00+00:00").first.click()
    expect(page.locator("#state")).to_contain_text("9 of 9 trials")


def test_the_history_of_a_single_run_is_a_number(page: Page, site: str, address: str) -> None:
    write(address, trials=40).close()
    page.goto(f"{site}{TASK}/")

    expect(page.locator("#best .single-number")).to_have_text(re.compile(r"^0\.\d+$"))
    expect(page.locator("#best canvas")).to_have_count(0)
    expect(page.locator("#drift-section")).to_be_hidden()


def test_a_long_study_is_shown_when_it_has_been_read(page: Page, site: str, address: str) -> None:
    write(address, ago_s=1)
    message = "7 trials have been read so far."
    reading = {"phase": "reading", "title": "tune", "message": message, "now": time.time(), "problems": []}
    reading |= {"stream": "", "changes": 0, "generation": None, "generations": [], "summary": None}
    reading |= {"maximize": None, "columns": {"number": [], "metrics": {}, "points": []}, "since": 0.0}
    reading |= {"curves": {}}
    held = True
    page.route("**/study?*", lambda route: route.fulfill(json=reading) if held else route.continue_())
    page.goto(f"{site}{RUN}/")

    expect(page.locator("#notices")).to_contain_text("Reading the study")
    expect(page.locator("#notices")).to_contain_text(message)
    held = False
    expect(page.locator("#headline")).to_contain_text("Running")
    expect(page.locator("#notices")).to_be_empty()

    held = True  # another process of the API server has to read the study first
    for _ in range(2):
        with page.expect_response("**/study?*"):
            pass
    expect(page.locator("#headline")).to_contain_text("Running")
    expect(page.locator("#notices")).to_be_empty()


def test_learning_curves_name_and_open_their_trials(page: Page, site: str, address: str) -> None:
    """The section appears with the first report; the panel shows a trial's curve against the others'."""
    writer = Writer(address)
    writer.open(max_evals=40)
    trials = list(writer.trials(40))
    writer.put(trials[0])
    page.goto(f"{site}{RUN}/")
    expect(page.locator("#trials tbody tr")).to_have_count(1)
    expect(page.locator("#curves-section")).to_be_hidden()

    for trial in trials:
        ended = writer.ended(trial)
        steps = list(range(1, 5 if ended.state is TrialState.PRUNED else 31))
        height = ended.loss or 1.0 + trial.number / 40
        writer.put(trial, commit=False)
        writer.report(trial.number, steps, [height + 2.0 / step for step in steps], commit=False)
        writer.now += 0.3
        writer.put(dataclasses.replace(ended, end=writer.now), commit=False)
    writer.close()
    expect(page.locator("#curves-text")).to_have_text(
        "Loss by step of 40 trials; pruned ones are marked where they ended."
    )
    expect(page.locator("#curves .legend li")).to_have_text(["trials", "pruned", "best"])
    x, y = first_mark(page, "#curves")
    expect(page.locator("#curves .tip")).to_contain_text(re.compile(r"trial \d+: \w+.*step \d+: loss "))
    page.mouse.click(x, y)

    expect(page.locator("#panel h2")).to_have_text(re.compile(r"Trial \d+"))
    page.get_by_role("button", name="Close the panel").click()
    page.locator("tr[data-trial='12']").click()
    expect(page.locator("#panel .legend li")).to_have_text(["trials", "pruned", "trial 12"])
    expect(page.locator("#panel .chart .front")).to_contain_text("step")
