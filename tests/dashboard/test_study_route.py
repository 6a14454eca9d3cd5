"""The server sends a whole study first, then its changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.dashboard.study_cache import StudyCache
from airflow_sparktune.dashboard.task_key import TaskKey
from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.journal.events import Prefix
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.output import OutputWriter
from airflow_sparktune.study.storage import open_storage
from tests.dashboard.helpers.pages import RUN, client_of
from tests.dashboard.helpers.synthetic import TRACEBACK, Writer


def ask(client: TestClient, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{RUN}/study", params=query)
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


def test_a_closed_study_is_sent_completely(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open(max_evals=12)
    writer.run(12)
    writer.close()

    reply = ask(client)

    assert (reply["phase"], reply["generation"], reply["title"]) == ("done", 0, "churn.tune, r1")
    assert reply["columns"]["number"] == list(range(12))
    assert reply["summary"]["stop_reason"] == "max_evals"
    assert len(reply["columns"]["points"]) == len(reply["dimensions"])


@pytest.mark.parametrize("query", [{}, {"generation": 0}])
def test_a_request_lists_the_folder_of_the_studies_once(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch, query: dict[str, int]
) -> None:
    """On an object storage each list is a request, and an open page asks every few seconds."""
    writer = Writer(address)
    writer.open()
    listed, generations = [], StorageRoots.generations

    def counted(self: StorageRoots, key: TaskKey) -> Mapping[int, str]:
        listed.append(key)
        return generations(self, key)

    monkeypatch.setattr(StorageRoots, "generations", counted)
    ask(client, **query)
    assert len(listed) == 1


def test_a_second_request_returns_only_changes(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.run(3)
    first = ask(client)
    writer.run(1, first=3)

    second = ask(client, after=first["changes"], stream=first["stream"])

    assert second["columns"]["number"] == [3]
    assert ask(client, after=second["changes"], stream=second["stream"])["columns"]["number"] == []


def test_a_curve_is_that_of_one_moment(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another request may read the study on as soon as this one has finished its look."""
    writer = Writer(address)
    writer.open()
    trial = next(writer.trials(1))
    writer.put(trial)
    writer.report(trial.number, [1, 2], [0.5, 0.25])
    look = StudyCache.look

    @contextmanager
    def looked(self: StudyCache, address: str, **how: Any) -> Iterator[StudyFollower]:
        with look(self, address, **how) as follower:
            yield follower
        follower.study.curves[trial.number].steps.append(3)  # its loss is about to follow

    monkeypatch.setattr(StudyCache, "look", looked)
    answer = client.get(f"{RUN}/trials/{trial.number}", params={"generation": 0})
    assert answer.status_code == 200, answer.text
    assert answer.json()["curve"] == {"steps": [1, 2], "losses": [0.5, 0.25]}


def test_a_new_attempt_resets_the_page(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.run(3)
    first = ask(client)
    again = Writer(address, attempt=2)
    taken = Prefix(writer.stream.stream, writer.stream.events)
    again.open(takes=[[taken.stream, taken.events]])

    second = ask(client, after=first["changes"], stream=first["stream"])

    assert second["stream"] != first["stream"]
    assert second["columns"]["number"] == [0, 1, 2]
    assert [attempt["number"] for attempt in second["attempts"]] == [1, 2]


def test_the_newest_generation_is_shown_and_an_older_one_can_be_chosen(
    client: TestClient, address: str
) -> None:
    for generation, trials in (("g0", 2), ("g3", 5)):
        writer = Writer(f"{address.removesuffix('g0')}{generation}")
        writer.open()
        writer.run(trials)

    assert ask(client)["generations"] == [3, 0]
    assert len(ask(client)["columns"]["number"]) == 5
    assert len(ask(client, generation=0)["columns"]["number"]) == 2
    assert client.get(f"{RUN}/study", params={"generation": 1}).status_code == 404


def test_a_mapped_task_has_a_study_for_each_index(client: TestClient, address: str) -> None:
    writer = Writer(address.replace("/g0", "/2/g0"))
    writer.open()

    assert ask(client, map_index="2")["phase"] == "starting"
    assert ask(client, map_index="{MAP_INDEX}")["phase"] == "none"


def test_a_missing_study_is_not_an_error(client: TestClient, tmp_path: Path) -> None:
    assert ask(client)["phase"] == "none"
    assert ask(client)["message"] is None


def test_a_missing_storage_is_reported_without_its_path(client: TestClient, tmp_path: Path) -> None:
    tmp_path.rmdir()

    message = ask(client)["message"]

    assert "[sparktune] storage" in message
    assert str(tmp_path) not in message


def test_a_folder_without_a_journal_is_waiting(client: TestClient, address: str) -> None:
    Path(address).mkdir(parents=True)

    assert ask(client)["phase"] == "waiting"


def test_a_torn_segment_is_reported_and_the_others_are_shown(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.run(2)
    last = max(Path(address).rglob("*.jsonl"))
    last.write_text('{"v": 1, "event": "tri')

    reply = ask(client)

    assert len(reply["columns"]["number"]) == 2
    assert "torn" in reply["problems"][0]


def test_the_page_says_why_reports_were_lost(client: TestClient, address: str) -> None:
    """Until another attempt begins."""
    writer = Writer(address)
    writer.open()
    assert ask(client)["reports_lost"] is None
    writer.write(event="reports", trials=[], lost="driver:7078 cannot be reached: timed out")
    assert ask(client)["reports_lost"] == "driver:7078 cannot be reached: timed out"
    writer.report(0, [1], [0.5])
    assert ask(client)["reports_lost"] == "driver:7078 cannot be reached: timed out"
    writer.open()
    assert ask(client)["reports_lost"] is None


def test_a_study_of_a_later_version_is_reported(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.write(event="promoted", v=99)

    assert "later version" in ask(client)["problems"][0]


def test_a_trial_has_its_traceback(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.run(5)

    trial = client.get(f"{RUN}/trials/4", params={"generation": 0}).json()

    assert trial["error"]["traceback"] == TRACEBACK
    assert set(trial["params"]) >= {"lr", "depth"}
    assert client.get(f"{RUN}/trials/99", params={"generation": 0}).status_code == 404


def test_a_trial_has_the_lines_it_printed(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open()
    writer.run(2)
    output = OutputWriter(open_storage(address), writer.stream.stream)
    output.keep(1, "epoch 1\n")
    output.flush(now=True)

    def printed(number: int) -> Any:
        return client.get(f"{RUN}/trials/{number}/output", params={"generation": 0})

    assert printed(1).json() == {"text": "epoch 1\n"}
    assert printed(0).json() == {"text": None}
    assert printed(9).status_code == 404


def test_script_tags_stay_data(client: TestClient, address: str) -> None:
    from airflow_sparktune.study.space import choice

    writer = Writer(address, space={"<script>alert(1)</script>": choice(["</script><b>x", "y"])})
    writer.open()
    writer.run(5)

    answer = client.get(f"{RUN}/study")

    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.text)["dimensions"][0]["label"] == "<script>alert(1)</script>"


def test_a_study_that_takes_long_to_read_is_sent_afterwards(tmp_path: Path, address: str) -> None:
    writer = Writer(address)
    writer.open(max_evals=12)
    writer.run(12)
    writer.close()
    client = client_of(tmp_path, read_s=0.0)  # reads one event a request

    reading = list(takewhile(lambda reply: reply["phase"] == "reading", (ask(client) for _ in count())))
    last = ask(client)

    assert reading[-1]["message"] == "12 trials have been read so far."
    assert not any(reply["columns"]["number"] for reply in reading)
    assert (last["phase"], last["columns"]["number"]) == ("done", list(range(12)))


def test_a_task_that_does_not_tune_names_the_tuning_tasks_of_its_dag(
    client: TestClient, tmp_path: Path
) -> None:
    for dag, task in (("churn", "tune_b"), ("churn", "tune_a"), ("other", "tune")):
        Writer(study_address(str(tmp_path), dag_id=dag, task_id=task, run_id="r1")).open()

    assert ask(client)["tuning"] == ["tune_a", "tune_b"]

    Writer(study_address(str(tmp_path), dag_id="churn", task_id="tune", run_id="r2")).open()
    assert ask(client)["tuning"] == []  # the task itself tunes
