"""A task with segments: one application, and what Airflow gets of each segment."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.definitions.asset import Model
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.observability import stats

from airflow_sparktune import Limits, SparkTuneOperator, promote_champion
from airflow_sparktune.errors import DriverLost, SpecError, StorageError
from airflow_sparktune.orchestrator.segments.ends import SegmentEnd
from airflow_sparktune.orchestrator.task.progress import KEY
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.airflow_task import read_task
from airflow_sparktune.study.files.stop_request import request_stop
from airflow_sparktune.study.journal.events import TrialChanged
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.segments import read_segments
from airflow_sparktune.study.storage import LocalStorage, open_storage
from airflow_sparktune.study.study import Study
from tests.orchestrator.conftest import RUN, Store
from tests.orchestrator.launchers import InThisProcess
from tests.study.journal_samples import closed, opened, trial

CHURN = Model("churn")


def does(**behaviours: str) -> list[dict[str, Any]]:
    """Return segments that behave so in the stand-in for spark-submit."""
    return [{"name": name, "objective_kwargs": {"does": each}} for name, each in behaviours.items()]


@pytest.fixture
def retune(operator, run, storage, monkeypatch):
    """Run a task with segments; returns its result, task instance and events."""
    monkeypatch.setattr(InThisProcess, "started", 0)
    launcher = InThisProcess(str(storage / RUN / "g0"))
    monkeypatch.setattr(SparkTuneOperator, "launcher", lambda *_: launcher)

    def execute(segments: Any, *, store: Any = None, **given: Any) -> tuple[Any, Any, list[Any]]:
        events = OutletEventAccessors()
        made = operator(
            **{"segments": segments, "production": CHURN, "retuning": {"incumbent": "champion"}, **given}
        )
        try:
            result, ti = run(made, events=events, store=store)
        finally:
            execute.events = [event for alias in events for event in events[alias].asset_alias_events]
        return result, ti, execute.events

    return execute


def record_of(storage: Path, segment: str) -> Champions:
    return Champions(str(storage / "churn" / "tune"), segment)


def test_each_segment_has_a_result_and_an_event_of_its_own(retune, storage) -> None:
    """The results are in the order of the segments; only a new champion emits an event."""
    store = Store()
    result, ti, events = retune(does(north="replaces", east="keeps", south="replaces"), store=store)
    application = str(storage / RUN / "g0")
    assert [(each["segment"], each["decision"], each["best_params"]) for each in result] == [
        ("north", "replaced", {"x": 1}),
        ("east", "kept", {"x": 0}),
        ("south", "replaced", {"x": 1}),
    ]
    assert [each["study"] for each in result] == [
        address_of(application, name) for name in ("north", "east", "south")
    ]
    assert [event.extra["segment"] for event in events] == ["north", "south"]
    assert ti.pushed["study"] == application
    assert ti.pushed["tuning_result"]["outcomes"] == {"replaced": 2, "kept": 1}
    assert ti.pushed["tuning_result"]["segments"][1]["trials"] == 3
    assert store.values[KEY]["done"] == "3/3 segments"
    assert record_of(storage, "north").current().action is Action.REPLACED
    assert read_task(result[0]["study"]).task_id == "tune"
    assert read_study(result[0]["study"]).study.spec.segment == "north"


def test_segments_as_an_object_of_arguments(retune) -> None:
    result, _, _ = retune({"north": {"does": "keeps"}, "south": {"does": "replaces"}})
    assert [each["decision"] for each in result] == ["kept", "replaced"]


def test_a_training_of_those_that_were_replaced(retune) -> None:
    """With `skip`, the others are left out, so that a mapped task trains only the new champions."""
    skip = {"on_no_improvement": "skip"}
    result, _, _ = retune(does(north="replaces", south="keeps"), after=skip)
    assert [each["segment"] for each in result] == ["north"]
    with pytest.raises(AirflowSkipException, match="2 segments keep it: east, west"):
        retune(does(east="keeps", west="keeps"), after=skip)


def test_a_kept_champion_can_fail_the_task(retune) -> None:
    with pytest.raises(AirflowFailException, match="1 segments keep it: south"):
        retune(does(north="replaces", south="keeps"), after={"on_no_improvement": "fail"})


def test_a_failed_segment_is_named_after_the_others_are_delivered(retune, storage) -> None:
    """Its error stays, so Airflow does not retry."""
    with pytest.raises(AirflowFailException, match=r"1 of 2 have none.*\n  south: the objective 'm:f'"):
        retune(does(north="replaces", south="fails"))
    assert record_of(storage, "north").current().action is Action.REPLACED
    assert [event.extra["segment"] for event in retune.events] == ["north"]


def test_bad_storage_of_a_segment_is_its_own(retune, storage, monkeypatch) -> None:
    names = LocalStorage.names

    def refuse(folder: LocalStorage, name: str) -> list[str]:
        if "segment=south" in str(folder._root):
            raise StorageError("the study folder must be readable, got Permission denied")
        return names(folder, name)

    monkeypatch.setattr(LocalStorage, "names", refuse)
    (storage / RUN / "segment=south").mkdir(parents=True)
    store = Store()
    with pytest.raises(AirflowFailException, match=r"1 of 2 have none.*\n  south: the study folder"):
        retune(does(north="replaces", south="replaces"), store=store)
    assert record_of(storage, "north").current().action is Action.REPLACED
    assert store.values[KEY]["done"] == "1/2 segments"


def test_a_torn_record_of_a_segment_is_its_own(retune, storage) -> None:
    """Its champion is unknown then, so nothing of it is delivered."""
    retune(does(north="replaces", south="replaces"))
    (entry,) = (storage / "churn" / "tune" / "@champions" / "segment=south").iterdir()
    entry.write_text("torn")
    with pytest.raises(AirflowFailException, match=r"1 of 2 have none.*\n  south: an entry of the record"):
        retune(does(north="replaces", south="replaces"))
    assert [event.extra["segment"] for event in retune.events] == ["north"]


def test_a_failed_segment_can_be_left_out(retune) -> None:
    """As long as another has a result, and none was only interrupted."""
    result, ti, _ = retune(does(north="replaces", south="fails"), on_failed_segments="skip")
    assert [each["segment"] for each in result] == ["north"]
    assert ti.pushed["tuning_result"]["segments"][1]["error"].startswith("the objective 'm:f' must be")
    with pytest.raises(AirflowFailException, match="2 of 2 have none"):
        retune(does(east="fails", west="fails"), on_failed_segments="skip")
    with pytest.raises(DriverLost, match=r"1 of 3 have none; a retry runs them again:\n  b: "):
        retune(does(a="fails", b="dies at the second trial", c="keeps"), on_failed_segments="skip")


def test_a_retry_runs_only_what_has_no_verdict(retune, storage, monkeypatch) -> None:
    """One was cut off and one waited; what has a result or an error that stays is not run again.

    Notifiers and metrics hear of a decision once, Airflow's event comes with the task's success.
    """
    told, counted = list[Any](), list[str]()
    monkeypatch.setattr(stats, "incr", lambda name, tags: counted.append(tags["segment"]))
    given = {"store": Store(), "after": {"on_replaced": lambda context: told.append(context["tuning"])}}
    ends = does(done="replaces", cut="dies at the second trial", waits="waits for a lane", bad="fails")
    with pytest.raises(DriverLost, match=r"3 of 4 have none.*\n  cut: .*\n  waits: .*\n  bad: the objective"):
        retune(ends, **given)
    again = {name: address_of(str(storage / RUN / "g0"), name) for name in ("done", "cut", "waits", "bad")}
    before = {name: len(read_study(address).study.attempts) for name, address in again.items()}
    assert before == {"done": 1, "cut": 1, "waits": 0, "bad": 1}
    with pytest.raises(DriverLost, match="2 of 4 have none"):
        retune(ends, **given)
    after = {name: len(read_study(address).study.attempts) for name, address in again.items()}
    assert after == {"done": 1, "cut": 2, "waits": 0, "bad": 1}
    assert ([each["segment"] for each in told], counted) == (["done"], ["done"])
    assert [event.extra["segment"] for event in retune.events] == ["done"]


def test_a_stop_of_all_is_no_reason_to_retry(retune, storage) -> None:
    """The segments that had not begun have no result, which the person wanted."""
    application = open_storage(str(storage / RUN / "g0"))
    given = does(north="keeps", south="waits for a lane")
    request_stop(application, attempt=0, by="ada")
    with pytest.raises(AirflowFailException, match="south: ada stopped the application before this segment"):
        retune(given)
    result, _, _ = retune(given, on_failed_segments="skip")
    assert [each["segment"] for each in result] == ["north"]


def test_a_broken_platform_is_no_reason_to_retry(retune, storage) -> None:
    """The driver begins no other segment then, and a retry would find the same."""
    given = does(north="finds no Spark", south="waits for a lane")
    with pytest.raises(AirflowFailException, match=r"2 of 2 have none(.|\n)*south: Java must be there"):
        retune(given)


def test_nothing_is_submitted_if_all_have_a_result(retune) -> None:
    first, _, _ = retune(does(north="keeps", south="keeps"))
    second, _, _ = retune(does(north="keeps", south="keeps"))
    assert (second, InThisProcess.started) == (first, 1)


def test_a_broken_incumbent_is_told_once(retune) -> None:
    told: list[Any] = []
    store = Store()
    after = {"on_broken": lambda context: told.append(context["tuning"])}
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="the incumbent failed on today's data"):
            retune(does(north="keeps", south="breaks the incumbent"), after=after, store=store)
    assert [each["segment"] for each in told] == ["south"]


def test_each_winner_is_promoted(retune, run) -> None:
    """A proposal emits no event; the task that promotes emits one for each, and none again after a clear."""
    manual = {"incumbent": "champion", "promote": "manual"}
    _, ti, proposed = retune(does(a="replaces", b="keeps", c="replaces"), retuning=manual)
    assert proposed == []
    store = Store()
    for max_tries, told in ((0, ["a", "c"]), (0, ["a", "c"]), (1, [])):
        events = OutletEventAccessors()
        made = promote_champion(ti.pushed["study"], production=CHURN)
        params, _ = run(made, events=events, store=store, max_tries=max_tries)
        assert [each["params"] for each in params] == [{"x": 1}, {"x": 0}, {"x": 1}]
        found = [event for alias in events for event in events[alias].asset_alias_events]
        assert [event.extra["segment"] for event in found] == told


def test_a_segment_that_vanishes_keeps_its_champion(retune, storage, caplog) -> None:
    retune(does(north="replaces", south="replaces"))
    _, ti, _ = retune(does(north="replaces", South="replaces"))
    assert ti.pushed["tuning_result"]["vanished"] == ["south"]
    assert "with a champion on record: south" in caplog.text
    assert record_of(storage, "south").current().action is Action.REPLACED


def test_the_plan_names_the_segments(retune, capsys) -> None:
    """It says how many are to run, and starts nothing."""
    retune(does(north="keeps"))
    with pytest.raises(AirflowSkipException):
        retune(does(north="keeps", south="keeps"), validate_only=True)
    assert "(1 of 2 segments to run)\n2 segments: north, south\n" in capsys.readouterr().out
    assert InThisProcess.started == 1


BAD = [
    ([], "segments must be at least one segment"),
    ([{"name": "a"}, {"name": "a"}], "segments must have different names, got 'a' twice"),
    ([{"name": f"s{number}"} for number in range(10_000)], "segments must be at most 5,000"),
    ([{"name": "a", "space": {}}], "segments[0]"),
    ([{"objective_kwargs": {}}], "segments[0] must have a name"),
    ([{"name": "a", "limits": {"no_progres": 3}}], "segments[0].limits"),
    ("north", "segments must be a list of segments"),
]


@pytest.mark.parametrize(("segments", "rule"), BAD)
def test_bad_segments_are_refused(operator, rendered, run, segments: Any, rule: str) -> None:
    """While the DAG is parsed if they are literal, otherwise before Spark starts; in one sentence."""
    with pytest.raises(SpecError) as parsed:
        operator(segments=segments)
    assert rule in str(parsed.value)
    with pytest.raises(AirflowFailException) as executed:
        run(rendered(segments=segments))
    assert rule in str(executed.value)


@pytest.mark.parametrize(
    "given",
    [
        {"parallelism_per_segment": 2},
        {"on_failed_segments": "skip"},
        {"segments": [{"name": "a"}], "segment": "a"},
        {"segments": [{"name": "a"}], "after": {"xcom_return": "summary"}},
    ],
)
def test_arguments_that_contradict_segments(operator, run, given: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match="segments"):
        run(operator(**given))


def test_a_script_has_no_segments(rendered, run, tmp_path) -> None:
    made = rendered(segments=[{"name": "a"}], application=str(tmp_path / "x.py"), objective=None, space=None)
    made.max_evals = made.seed = None
    with pytest.raises(AirflowFailException, match="segments must be left out with an application"):
        run(made)


def test_templates_and_xcoms_in_segments(operator) -> None:
    """What is not known yet is left to the run; groups become plain, so that Airflow can render them."""

    @task
    def shops() -> list[dict[str, Any]]:
        return []

    with DAG("churn"):
        made = operator(segments=shops())
        assert made.upstream_task_ids == {"shops"}
    made = operator(
        segments=[
            {"name": "a", "objective_kwargs": {"week": "{{ ds }}"}, "limits": Limits(no_progress=3)},
            {"name": "{{ params.b }}"},
        ]
    )
    assert made.segments[0]["limits"] == {"no_progress": 3}


def test_a_mapped_task_maps_its_segments_too(operator, run, spark_submit) -> None:
    """Otherwise its instances would share champions."""
    spark_submit("works")
    mapped = type("Mapped", (), {"partial_kwargs": {"segments": [{"name": "a"}]}})()
    with pytest.raises(AirflowFailException, match="segments of a mapped task must be mapped, too"):
        run(operator(segments=[{"name": "a"}]), parsed=mapped, map_index=1)


def test_a_segment_may_hold_no_secret(rendered, run) -> None:
    from airflow.sdk._shared.secrets_masker import mask_secret

    mask_secret("s3cret-of-segments")
    made = rendered(segments=[{"name": "a", "objective_kwargs": {"key": "s3cret-of-segments"}}])
    with pytest.raises(AirflowFailException, match="must not hold a secret"):
        run(made)


def test_the_segments_are_handed_to_the_driver(operator, run, spark_submit, storage) -> None:
    note = spark_submit("works")
    result, _ = run(operator(segments=does(north="works"), parallelism_per_segment="2"))
    assert [(each["segment"], each["decision"], each["best_loss"]) for each in result] == [
        ("north", None, 0.0)
    ]
    given = read_segments(str(storage / RUN / "g0"))
    assert (given.names, given.parallelism_per_segment) == (("north",), 2)
    arguments = note()["arguments"]
    assert arguments[arguments.index("--segments-sha256") + 1] == given.sha256


def test_a_thousand_results_fit_into_xcom() -> None:
    """What is pushed of a segment does not grow with its trials."""
    parameters = {f"parameter_{number}": 0.123456789012345 * number for number in range(12)}
    best = replace(trial(0, 0.123456789012345).trial, params=parameters)
    study = Study()
    for event in (opened(), TrialChanged(at=best.end, trial=best), closed()):
        study.apply(event)
    address = f"s3://a-company-datalake/sparktune/{RUN}/segment=a-region-and-a-shop/g0"
    end = SegmentEnd(name="a-region-and-a-shop", address=address, study=study)
    results = [end] * 1_000
    assert results[0].returned()["best_params"] == parameters
    assert len(json.dumps([each.returned() for each in results])) < 1_000_000
    assert len(json.dumps([each.row() for each in results])) < 200_000
