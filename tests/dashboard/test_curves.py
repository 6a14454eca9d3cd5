"""The server sends learning curves as they grow, thinned to what a chart can show."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.page import columns
from airflow_sparktune.study.curve import Curve
from tests.dashboard.helpers.pages import RUN
from tests.dashboard.helpers.synthetic import Writer
from tests.dashboard.test_study_route import ask


def test_only_curves_that_grew_or_whose_trial_changed_are_sent(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    one, two, silent = writer.trials(3)
    for trial in (one, two, silent):
        writer.put(trial)
    writer.report(0, [1, 2], [3.0, 1 / 3])
    writer.report(1, [1], [4.0])
    first = ask(client)
    writer.report(1, [2], [3.5])
    second = ask(client, after=first["changes"], stream=first["stream"])
    writer.put(writer.ended(one))
    third = ask(client, after=second["changes"], stream=second["stream"])

    assert first["curves"] == {
        "0": {"steps": [1, 2], "losses": [3.0, 0.3333333]},
        "1": {"steps": [1], "losses": [4.0]},
    }
    assert (second["curves"], second["columns"]["number"]) == (
        {"1": {"steps": [1, 2], "losses": [4.0, 3.5]}},
        [],
    )
    assert list(third["curves"]) == ["0"]


def test_a_trial_that_starts_again_has_no_curve(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    (trial,) = writer.trials(1)
    writer.put(trial)
    writer.report(0, [1], [3.0])
    first = ask(client)
    writer.put(trial)

    again = ask(client, after=first["changes"], stream=first["stream"])

    assert (again["columns"]["number"], again["curves"]) == ([0], {})


def test_a_long_curve_has_few_points_among_the_others_and_more_in_its_panel(
    client: TestClient, address: str
) -> None:
    writer = Writer(address)
    writer.open()
    (trial,) = writer.trials(1)
    writer.put(trial)
    writer.report(0, list(range(10_000)), [1.0] * 10_000)

    among = ask(client)["curves"]["0"]["steps"]
    alone = client.get(f"{RUN}/trials/0", params={"generation": 0}).json()["curve"]["steps"]

    assert (len(among), among[0], among[-1]) == (50, 0, 9_999)
    assert (len(alone), alone[0], alone[-1]) == (500, 0, 9_999)


def test_a_sample_of_many_curves_has_the_best(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MOST_CURVES", 10)
    writer = Writer(address)
    writer.open(max_evals=100)
    for trial in writer.trials(100):
        writer.put(trial, commit=False)
        writer.report(trial.number, [1], [1.0], commit=False)
        writer.put(writer.ended(trial), commit=False)
    writer.close()

    reply = ask(client)

    assert len(reply["curves"]) < 40
    assert str(reply["summary"]["best_number"]) in reply["curves"]


@pytest.mark.parametrize("most", [2, 3, 7, 99, 100, 200])
def test_a_thinned_curve_keeps_its_ends_and_its_order(most: int) -> None:
    steps = list(range(100))
    thin = Curve(steps, [float(step) for step in steps], [{"n": step} for step in steps]).thinned(most)
    assert (thin.steps[0], thin.steps[-1], len(thin.steps)) == (0, 99, min(most, 100))
    assert thin.steps == sorted(set(thin.steps)) == thin.losses == [each["n"] for each in thin.metrics]
