"""Mirroring a study into MLflow, with a stand-in for its client."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.files.airflow_task import AirflowTask
from airflow_sparktune.study.journal.events import Decided, Prefix, Recommended, Reported, StartsResolved
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.retuning.decision import Decision, Measured, Outcome, Standing
from airflow_sparktune.study.retuning.starts import Incumbent
from airflow_sparktune.study.storage import MemoryStorage
from airflow_sparktune.study.trial import Failure, FailureKind, TrialOrigin, TrialPurpose, TrialState
from airflow_sparktune.tracking.follow import error_line, mirror_while
from airflow_sparktune.tracking.mlflow import MlflowTracker, connect
from airflow_sparktune.tracking.mlflow_segments import SegmentsTracker
from airflow_sparktune.tracking.server_address import server_variables
from tests.study.journal_samples import BEGAN, SPEC, TrialChanged, closed, follow, opened, trial, write
from tests.tracking.fake_mlflow import FakeMlflow, Refusal

TASK = AirflowTask(dag_id="churn", task_id="tune", run_id="r1", map_index=2, url="http://airflow/x")
ADDRESS = "s3://bucket/churn/tune/r1/2/g0"


def tracker(client: FakeMlflow, **more: Any) -> MlflowTracker:
    return MlflowTracker(
        client, address=ADDRESS, task=TASK, report=lambda study: f"{study.finished} trials", **more
    )


def tags(run: Any) -> dict[str, str]:
    return dict(run.data.tags)


def changed(event: TrialChanged, **facts: Any) -> TrialChanged:
    return replace(event, trial=replace(event.trial, **facts))


@pytest.fixture
def finished() -> StudyFollower:
    """Write three trials: one worse, one failed, one best."""
    storage = MemoryStorage()
    error = Failure(FailureKind.RAISED, "ValueError: singular")
    failed = changed(trial(1), state=TrialState.FAILED, end=BEGAN + 2, error=error)
    best = changed(trial(2, 0.25), info={"auc": 0.75, "curve": [1, 2], "more": {"f1": 1}})
    write(storage, 1, [opened(), trial(0, 0.5), failed, best, closed()])
    return follow(storage)


def test_a_study_becomes_a_parent_run_and_a_child_run_for_each_trial(finished: StudyFollower) -> None:
    """They have params, metrics, states, a link to the task, and the report."""
    client = FakeMlflow()
    tracker(client).mirror(finished.study)
    parent, children = client.parent, client.children
    assert client.experiments == {"churn.tune": "1"}
    assert parent.info.status == "FINISHED"
    assert parent.data.params["objective"] == "churn.train:loss"
    assert parent.data.metrics["best_loss"] == 0.25
    assert parent.data.metrics["best_after_s"] >= 0
    assert tags(parent)["sparktune.best_params"] == '{"lr": 0.1}'
    assert client.pages == {f"{parent.info.run_id}/report.html": "3 trials"}
    assert [children[number].info.status for number in range(3)] == ["FINISHED", "FAILED", "FINISHED"]
    assert children[0].data.params == {"lr": "0.1"}
    assert children[2].data.metrics == {"loss": 0.25, "auc": 0.75, "more.f1": 1}
    assert tags(children[2])["sparktune.info.curve"] == "[1, 2]"
    assert tags(children[1])["sparktune.error"] == "ValueError: singular"
    assert children[0].info.end_time == round((BEGAN + 0.5) * 1000)
    for run in (parent, *children.values()):
        back = {
            name.removeprefix("airflow."): value
            for name, value in tags(run).items()
            if name.startswith("airflow.")
        }
        assert back == {
            "dag_id": "churn",
            "task_id": "tune",
            "run_id": "r1",
            "map_index": "2",
            "url": "http://airflow/x",
        }
        assert tags(run)["sparktune.study"] == ADDRESS


def test_a_score_has_its_name_and_sign() -> None:
    """Improvements are not sent again by a tracker that starts anew; the best one is, at the end."""
    storage, client = MemoryStorage(), FakeMlflow()
    spec = replace(SPEC, maximize="auc")
    writer = write(storage, 1, [opened(spec=spec), trial(0, -0.5), trial(1, -0.75), trial(2, -0.6)])
    tracker(client).mirror(follow(storage).study)
    assert client.children[1].data.metrics == {"auc": 0.75}
    assert client.parent.data.metrics["highest_auc"] == 0.75
    writer.append(trial(3, -0.7))
    writer.append(closed())
    writer.commit()
    tracker(client).mirror(follow(storage).study)
    assert client.parent.data.metrics["best_auc"] == 0.75
    assert not {"best_loss", "lowest_loss"} & set(client.parent.data.metrics)


def test_a_retuning_with_its_incumbent_and_its_decision() -> None:
    """The repeats are runs too, but do not count as improvements of the search."""
    storage, client = MemoryStorage(), FakeMlflow()
    repeat = {"purpose": TrialPurpose.CONFIRM, "repeat": 1}
    decision = Decision(
        outcome=Outcome.REPLACED,
        reason="better by 0.4",
        params={"lr": 0.1},
        number=1,
        incumbent=Measured(number=0, params={"lr": 0.3}, n=1, mean=0.75),
        candidates=(Measured(number=1, params={"lr": 0.1}, n=1, mean=0.25, standing=Standing.WON),),
    )
    events = [
        opened(),
        StartsResolved(incumbent=Incumbent(source="champion", params={"lr": 0.3})),
        trial(0, 0.8, origin=TrialOrigin.INCUMBENT),
        trial(1, 0.5),
        trial(2, 0.75, repeats=0, **repeat),
        trial(3, 0.25, repeats=1, **repeat),
        Decided(decision=decision),
        closed(),
    ]
    write(storage, 1, events)
    tracker(client).mirror(follow(storage).study)
    parent, children = client.parent, client.children
    assert tags(children[0])["sparktune.origin"] == "incumbent"
    assert {name: tags(children[3])[f"sparktune.{name}"] for name in ("purpose", "repeats", "repeat")} == {
        "purpose": "confirm", "repeats": "1", "repeat": "1",
    }  # fmt: skip
    assert children[3].info.name == "repeat 1 of trial 1"
    numbers = parent.data.metrics
    assert (numbers["best_loss"], numbers["lowest_loss"], numbers["incumbent_loss"]) == (0.25, 0.5, 0.75)
    decided = {name: tags(parent)[f"sparktune.{name}"] for name in ("decision", "decision_reason")}
    assert decided == {"decision": "replaced", "decision_reason": "better by 0.4"}
    assert tags(parent)["sparktune.incumbent_params"] == '{"lr": 0.3}'
    assert tags(parent)["sparktune.best_params"] == '{"lr": 0.1}'


def test_the_learning_curve_of_a_trial_is_sent_once_with_its_result() -> None:
    """A try that a crash cut off leaves no points, and trackers that start anew send none again."""
    storage, client = MemoryStorage(), FakeMlflow()
    spec = replace(SPEC, maximize="auc")
    pruned = changed(trial(1), state=TrialState.PRUNED, end=BEGAN + 2)
    first = write(storage, 1, [opened(spec=spec), trial(0), Reported(trials=(TrialReports(0, [1], [-0.1]),))])
    tracker(client).mirror(follow(storage).study)
    again = Reported(trials=(TrialReports(0, [1, 3], [-0.25, -0.5], [{"f1": 0.75}, {}]),))
    early = Reported(trials=(TrialReports(1, [1], [-0.125]),))
    went_on = opened(2, takes=(Prefix(first.stream, 3),), at=BEGAN + 200, spec=spec)
    write(storage, 2, [went_on, trial(0), trial(1), again, early, trial(0, -0.6), pruned, closed()])
    for _ in range(2):
        tracker(client).mirror(follow(storage).study)
    names = {run.info.run_id: number for number, run in client.children.items()}
    sent = [(names[run], *point) for run, *point in client.points if run in names and point[0] != "auc"]
    assert sorted(sent) == [
        (0, "reported_auc", 0.25, 1),
        (0, "reported_auc", 0.5, 3),
        (0, "reported_f1", 0.75, 1),
        (1, "reported_auc", 0.125, 1),
    ]
    assert client.children[0].data.metrics["auc"] == 0.6


def test_a_long_curve_fits_into_one_request() -> None:
    storage, client = MemoryStorage(), FakeMlflow()
    steps = range(5_000)
    long = Reported(trials=(TrialReports(0, steps, [1 / (1 + step) for step in steps]),))
    write(storage, 1, [opened(), trial(0), long, trial(0, 0.5), closed()])
    tracker(client).mirror(follow(storage).study)
    sent = [step for _, name, _, step in client.points if name == "reported_loss"]
    assert (sent[0], sent[-1]) == (0, 4_999)
    assert len(sent) == len(set(sent)) == 700


def test_noisy_trials_with_the_expected_loss_of_the_result() -> None:
    storage, client = MemoryStorage(), FakeMlflow()
    recommended = Recommended(trial=0, loss=0.375, noise=0.125)
    write(storage, 1, [opened(), trial(0, 0.5), trial(1, 0.25), recommended, closed()])
    tracker(client).mirror(follow(storage).study)
    numbers = client.parent.data.metrics
    assert (numbers["best_loss"], numbers["lowest_loss"], numbers["noise"]) == (0.375, 0.25, 0.125)
    assert tags(client.parent)["sparktune.best_number"] == "0"


def test_mirroring_again_changes_nothing(finished: StudyFollower) -> None:
    """The same tracker sends no requests, and a new one changes nothing."""
    client = FakeMlflow()
    first = tracker(client)
    first.mirror(finished.study)
    sent = len(client.requests)
    first.mirror(finished.study)
    assert len(client.requests) == sent
    tracker(client).mirror(finished.study)
    assert client.requests[sent:] == ["get_experiment", "search"]


def test_a_trial_costs_three_requests_whether_it_is_seen_running_or_not() -> None:
    """The number does not depend on how often the journal is read."""
    storage, client = MemoryStorage(), FakeMlflow()
    writer = write(storage, 1, [opened(), trial(0), trial(1)])
    follower = follow(storage)
    told = tracker(client)
    told.mirror(follower.study)
    before = Counter(client.requests)
    for event in (trial(0, 0.5), trial(1, 0.7), trial(2, 0.9)):
        writer.append(event)
        writer.commit()
        follower.refresh()
        told.mirror(follower.study)
    assert client.children[0].info.status == "FINISHED"
    now = Counter(client.requests)
    assert now["create"] - before["create"] == 1
    best_loss_was_logged = 1
    assert now["log"] - before["log"] == 3 + best_loss_was_logged
    assert now["end"] - before["end"] == 3
    assert now["search"] == 1


def test_a_resumed_study_keeps_its_runs() -> None:
    """An interrupted trial ends in its first run, and the study is running again."""
    storage, client = MemoryStorage(), FakeMlflow()
    first = write(storage, 1, [opened(), trial(0, 0.5), trial(1), closed("killed")])
    tracker(client).mirror(follow(storage).study)
    was = {number: run.info.run_id for number, run in client.children.items()}
    assert (client.parent.info.status, client.children[1].info.status) == ("KILLED", "KILLED")
    write(storage, 2, [opened(2, takes=(Prefix(first.stream, 4),), at=BEGAN + 200), trial(1, attempt=2)])
    follower = follow(storage)
    going_on = tracker(client)
    going_on.mirror(follower.study)
    assert (client.parent.info.status, client.children[1].info.status) == ("RUNNING", "RUNNING")
    write(
        storage,
        3,
        [opened(3, takes=(Prefix(first.stream, 4),), at=BEGAN + 300), trial(1, 0.1, attempt=3), closed()],
    )
    follower.refresh()
    going_on.mirror(follower.study)
    assert {number: run.info.run_id for number, run in client.children.items()} == was
    assert (client.parent.info.status, client.children[1].info.status) == ("FINISHED", "FINISHED")


def test_a_result_that_was_not_taken_over_is_replaced() -> None:
    """MLflow's params cannot be changed, so the trial gets a new run."""
    storage, client = MemoryStorage(), FakeMlflow()
    first = write(storage, 1, [opened()], [trial(0, 0.5)], [trial(1, 0.9)])
    told = tracker(client)
    told.mirror(follow(storage).study)
    again = changed(trial(1, 0.7, at=BEGAN + 250, attempt=2), params={"lr": 0.2}, point={"lr": 0.2})
    write(storage, 2, [opened(2, takes=(Prefix(first.stream, 2),), at=BEGAN + 200), again, closed()])
    told.mirror(follow(storage).study)
    assert client.children[1].data.params == {"lr": "0.2"}
    assert client.children[1].data.metrics["loss"] == 0.7


@pytest.mark.parametrize("verb", ["get_experiment", "search", "create", "log", "end", "artifact"])
def test_failures_of_the_server_are_reported_once_and_repaired(
    finished: StudyFollower, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    """This holds for any request and number of failures; nothing is duplicated."""
    client = FakeMlflow()
    failing = iter([True] * 3)

    def fault(asked: str) -> None:
        if asked == verb and next(failing, False):
            raise ConnectionError("503")

    client.fault = fault
    rounds = count()
    caplog.set_level("INFO")
    assert mirror_while(finished, tracker(client), wait=lambda _: next(rounds) > 4) is None
    assert client.parent.info.status == "FINISHED"
    assert [run.info.status for _, run in sorted(client.children.items())] == [
        "FINISHED",
        "FAILED",
        "FINISHED",
    ]
    assert len(client.pages) == 1
    assert (caplog.text.count("tracking fails"), caplog.text.count("has caught up")) == (1, 1)


def test_a_last_failure_makes_no_promise(finished: StudyFollower, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody tries again after it: the caller gets the reason, and the log promises nothing."""
    client = FakeMlflow()

    def fault(_: str) -> None:
        raise ConnectionError("503")

    client.fault = fault
    assert isinstance(mirror_while(finished, tracker(client), wait=lambda _: True), ConnectionError)
    assert caplog.text == ""


def test_a_run_is_created_once_if_the_response_is_lost(finished: StudyFollower) -> None:
    """The tracker asks the server, which has created the run."""
    client = FakeMlflow()
    lost = iter([False, True])

    def after(_: str) -> None:
        if next(lost, False):
            raise TimeoutError

    client.lost = after
    told = tracker(client)
    with pytest.raises(TimeoutError):
        told.mirror(finished.study)
    told.mirror(finished.study)
    assert set(client.children) == {0, 1, 2}
    assert len(client.runs) == 4


def test_two_concurrent_trackers_create_each_run_once(finished: StudyFollower) -> None:
    """The second tracker searches before the first has created anything."""
    client = FakeMlflow()
    storage = MemoryStorage()
    write(storage, 1, [opened(), trial(0, 0.5), trial(1, 0.6)])
    early, late = tracker(client), tracker(client)
    study = follow(storage).study
    searched = client.search_runs
    client.search_runs = lambda *_, **__: type("Nothing", (list,), {"token": ""})()  # type: ignore[method-assign]
    early.mirror(study)
    late.mirror(study)
    client.search_runs = searched  # type: ignore[method-assign]
    assert len(client.live()) == 6
    tracker(client).mirror(study)
    assert set(client.children) == {0, 1}


def test_data_that_mlflow_rejects_is_left_out_and_reported(
    finished: StudyFollower, caplog: pytest.LogCaptureFixture
) -> None:
    """The other trials are mirrored."""
    client = FakeMlflow()
    creations = iter([False, True, False])

    def fault(verb: str) -> None:
        if verb == "create" and next(creations, False):
            raise Refusal("a tag is too long")

    client.fault = fault
    tracker(client).mirror(finished.study)
    assert set(client.children) == {1, 2}
    assert client.parent.info.status == "FINISHED"
    assert caplog.text.count("MLflow rejects trial 0") == 1


def test_requests_to_a_server_that_is_down_become_rarer(finished: StudyFollower) -> None:
    """The pause grows to a minute."""
    client = FakeMlflow()

    def down(_: str) -> None:
        raise ConnectionError

    client.fault = down
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 8

    assert isinstance(mirror_while(finished, tracker(client), wait=wait, period_s=2), ConnectionError)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def test_more_trials_than_fit_on_a_page() -> None:
    """Each page is requested once."""
    storage, client = MemoryStorage(), FakeMlflow()
    write(storage, 1, [opened(), *(trial(number, 1.0 + number) for number in range(1_200)), closed()])
    study = follow(storage).study
    tracker(client).mirror(study)
    sent = len(client.requests)
    tracker(client).mirror(study)
    assert client.requests[sent:] == ["get_experiment", "search", "search"]


def test_without_the_address_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow itself would create a database in the current folder."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(PlatformError, match="MLFLOW_TRACKING_URI must be the address"):
        connect()


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://ann:p%40ss@mlflow:5000/x", ("http://mlflow:5000/x", "ann", "p@ss")),
        ("https://ann@mlflow", ("https://mlflow", "ann", None)),
        ("https://ann:a@b@mlflow", ("https://mlflow", "ann", "a@b")),
        ("https://mlflow/team@here", ("https://mlflow/team@here", None, None)),
        ("file:///home/ann@corp/mlruns", ("file:///home/ann@corp/mlruns", None, None)),
        ("ann@corp/mlruns", ("ann@corp/mlruns", None, None)),
    ],
)
def test_a_login_leaves_the_servers_address(address: str, found: tuple[str | None, ...]) -> None:
    """MLflow's errors quote the address, and are logged; it reads the login from other variables too."""
    variables = server_variables(address)
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    assert tuple(map(variables.get, names)) == found


def test_the_address_of_a_database_is_left_to_mlflow() -> None:
    address = "postgresql+psycopg2://ann:secret@db/mlflow"
    assert server_variables(address) == {"MLFLOW_TRACKING_URI": address}


def test_the_client_never_sees_the_login_in_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "MLFLOW_TRACKING_URI": "http://ann:secret@mlflow"})

    assert connect().tracking_uri == "http://mlflow"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "secret"


@pytest.mark.parametrize(
    "address",
    ["http://ann:se/cret@mlflow", "http://ann:se#cret@mlflow", "http://[ann:secret@mlflow",
     "ann:secret@mlflow", "ftp://ann:secret@mlflow"],
)  # fmt: skip
def test_an_address_whose_login_cannot_be_found_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(PlatformError, match="MLFLOW_TRACKING_URI must") as raised:
        connect()
    assert "cret" not in str(raised.value)


def test_a_servers_error_is_one_printable_line() -> None:
    assert error_line(ValueError("no\x1b[2J\nmore")) == "ValueError: no[2J"


def test_a_note_is_part_of_the_description(finished: StudyFollower) -> None:
    """A note that is written after the end is sent by the next tracker."""
    client = FakeMlflow()
    tracker(client).mirror(finished.study)
    assert tags(client.parent)["mlflow.note.content"] == "[This task in Airflow](http://airflow/x)"

    tracker(client, note=lambda: "Before the price change.").mirror(finished.study)

    assert tags(client.parent)["mlflow.note.content"] == (
        "[This task in Airflow](http://airflow/x)\n\nBefore the price change."
    )


def test_segments_are_below_one_run() -> None:
    """Each has a parent run with its trials; a retry of the tracker finds all of them again."""
    client, storages = FakeMlflow(), {name: MemoryStorage() for name in ("north", "south")}
    for name, storage in storages.items():
        spec = replace(SPEC, segment=name)
        write(storage, 1, [opened(spec=spec), trial(0, 0.5), closed()])
    studies = {name: follow(storage).study for name, storage in storages.items()}

    def segments() -> SegmentsTracker:
        return SegmentsTracker(
            client,
            address=ADDRESS,
            experiment="churn.tune",
            name="r1",
            total=2,
            tracker=lambda name, parent: tracker(client, segment=(name, parent)),
        )

    first = segments()
    first.mirror({})
    assert client.runs == {}
    first.mirror({"north": studies["north"]})
    (application,) = (run for run in client.live() if "mlflow.parentRunId" not in tags(run))
    assert (application.info.name, application.info.status) == ("r1", "RUNNING")
    client.lost = lambda _: (_ for _ in ()).throw(ConnectionError("no answer"))
    with pytest.raises(ConnectionError):
        first.mirror(studies)
    client.lost = lambda _: None
    for each in (first, segments()):
        each.mirror(studies)
        below = [
            run for run in client.live() if tags(run).get("mlflow.parentRunId") == application.info.run_id
        ]
        assert sorted(run.info.name for run in below) == ["north", "south"]
        assert len(client.live()) == 5
    assert application.info.status == "FINISHED"
