"""After a decision, every place names the configuration for production as the best one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune import load_study
from airflow_sparktune.cli import main
from airflow_sparktune.dashboard.page.html_report import report
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.orchestrator.lineage.facet import facet_of
from airflow_sparktune.orchestrator.task.progress import progress
from airflow_sparktune.study.result import summary
from airflow_sparktune.tracking.mlflow import MlflowTracker
from benchmarks.simulated import Ending
from tests.dashboard.helpers.pages import TASK, as_it_is, client_of
from tests.driver.retuning.weeks import Weeks
from tests.tracking.fake_mlflow import FakeMlflow


def slow_below(limit: float) -> Any:
    """Play trials whose loss falls with x; below the limit they are too slow for the guardrail."""

    def play(call: Call) -> Ending:
        x = call.params["x"]
        luck = call.trial.seed % 7 / 1000
        metrics = {"latency_ms": 80.0 if x < limit else 20.0}
        return Ending(60.0, reply=Reply(60.0, loss=1 + x + luck, info=metrics))

    return play


@pytest.fixture
def weeks(tmp_path: Path) -> Weeks:
    """Write a study that keeps x = 0.3, because every better configuration violates the guardrail."""
    weeks = Weeks(str(tmp_path / "churn" / "tune"))
    asked = {"incumbent": {"x": 0.3}, "guardrails": {"latency_ms": {"max": 50}}}
    points = [{"x": 0.01}, {"x": 0.02}, {"x": 0.03}]
    weeks.run("w1", slow_below(0.3), points_to_evaluate=points, retuning=asked)
    return weeks


def test_every_place_names_the_same_best(
    weeks: Weeks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, address = weeks.study("w1"), weeks.address("w1")
    assert study.decision is not None
    assert study.lowest is not None
    loss, lowest = study.decision.loss, study.lowest.loss
    assert loss is not None
    assert lowest is not None
    assert (study.decision.outcome, study.lowest.params) == ("kept", {"x": 0.01})
    found: dict[str, tuple[Any, Any]] = {}

    loaded = load_study(address)
    assert loaded.best is not None
    assert loaded.lowest == study.lowest
    found["notebook"] = loaded.best.params, loaded.best.loss
    frame = loaded.trials_dataframe()
    means = frame[frame["purpose"] == "confirm"].groupby("repeats")["loss"].mean()
    found["data frame"] = loaded.trials[loaded.best.number or 0].params, means[loaded.best.number]

    told = summary(study).to_json()
    found["XCom"] = told["best_params"], told["best_loss"]
    state = progress(study)
    found["task state"] = state["best_params"], state["best_loss"]
    assert study.spec is not None
    facet = facet_of(study, study.spec, address)
    found["lineage"] = facet.params, facet.loss

    mlflow = FakeMlflow()
    MlflowTracker(mlflow, address=address, task=None, report=lambda _: "").mirror(study)
    parent = mlflow.parent.data
    found["MLflow"] = json.loads(parent.tags["sparktune.best_params"]), parent.metrics["best_loss"]
    assert parent.metrics["lowest_loss"] == lowest

    client = client_of(tmp_path)
    reply = client.get(f"{TASK}/runs/w1/study").json()
    found["page"] = reply["best"], reply["summary"]["best_loss"]
    assert reply["best_facts"] == ["trial 0 after 60 s", "confirmed by 3 repeats"]
    (run,) = client.get(f"{TASK}/history").json()["runs"]
    found["history"] = run["best"], run["summary"]["best_loss"]
    data = re.search(r'id="report">(.*?)</script>', report(study, title="churn", mask=as_it_is))
    assert data is not None
    told = json.loads(data[1])["study"]
    found["report"] = told["best"], told["summary"]["best_loss"]

    assert main(["show", address, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    found["show --json"] = printed["best_params"], printed["best_loss"]
    assert printed["lowest_loss"] == lowest
    expected = {"x": 0.3}, pytest.approx(loss)
    assert found == dict.fromkeys(found, expected)

    shown = f"{loss:.4g} (trial 0 after 60 s; confirmed by 3 repeats)"
    assert main(["show", address]) == 0
    lines = capsys.readouterr().out
    assert re.search(rf"best loss +{re.escape(shown)}", lines)
    assert re.search(rf"lowest loss +{lowest:.4g} \(trial 1, beyond a guardrail\)", lines)
    assert re.search(r"best params +x=0.3", lines)
    assert main(["compare", address, address]) == 0
    lines = capsys.readouterr().out
    assert re.search(rf"best loss +{re.escape(shown)} +{re.escape(shown)}", lines)
    assert re.search(r"best x +0.3 +0.3", lines)
    assert main(["list", str(tmp_path)]) == 0
    assert f"best {loss:.4g} " in capsys.readouterr().out
    assert reply["texts"]["best loss"] == run["texts"]["best loss"] == shown


def test_an_outdated_decision_has_the_params_in_production(weeks: Weeks, tmp_path: Path) -> None:
    """No trial of the study ran them, so they have no loss; the page shows them all the same."""
    weeks.run("w2", slow_below(0.0), seed=5)

    def overtaken(call: Call) -> Ending:
        if call.trial.purpose == "confirm" and weeks.record().current().number == 2:  # type: ignore[union-attr]
            weeks.record().restore(2, at=2e9, by="ada")
        return slow_below(0.0)(call)

    study = weeks.run("w3", overtaken, seed=6, points_to_evaluate=[{"x": 0.0}])
    assert study.decision is not None
    assert study.decision.outcome == "outdated"
    reply = client_of(tmp_path).get(f"{TASK}/runs/w3/study").json()
    assert reply["best"] == reply["summary"]["best_params"] == study.decision.params
    assert reply["texts"]["best loss"] == "not measured"
    loaded = load_study(weeks.address("w3"))
    assert loaded.best is not None
    assert (loaded.best.number, loaded.best.loss) == (None, None)
