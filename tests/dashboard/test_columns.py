"""The page's data are limited however many trials there are, and a sample keeps the important ones."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.app import create_app
from airflow_sparktune.dashboard.page import view
from airflow_sparktune.dashboard.page.assets import STATIC
from airflow_sparktune.dashboard.page.columns import columns, sample
from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.study.definition.rule import DecisionRule, Guardrail
from airflow_sparktune.study.formatting import state_text
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.trial import Trial, TrialState
from tests.dashboard.helpers.pages import RUN, as_it_is, everybody, somebody
from tests.dashboard.helpers.synthetic import Writer


def trials(count: int) -> list[Trial]:
    """Return trials whose loss falls at 0, 777 and 1554; every 50th fails; the last three run."""
    made = []
    for number in range(count):
        trial = Trial(number=number, params={}, point={"x": number / 3})
        if number < count - 3:
            state = TrialState.FAILED if number % 50 == 25 else TrialState.OK
            loss = (1.0 if number % 777 else 0.9 - number / 1e4) if state is TrialState.OK else None
            trial = trial.ended(state, end=1.0, loss=loss)
        made.append(trial)
    return made


def test_few_trials_are_all_kept() -> None:
    assert sample(trials(500), 500) == trials(500)


def test_a_sample_keeps_new_bests_the_newest_and_running_trials() -> None:
    kept = sample(trials(2000), 500)
    numbers = [trial.number for trial in kept]

    assert len(kept) < 800
    assert numbers == sorted(numbers)
    assert {0, 777, 1554} <= set(numbers)
    assert set(range(1960, 2000)) <= set(numbers)
    assert sum(trial.state is TrialState.FAILED for trial in kept) >= 20


def test_a_sample_keeps_the_best_trial_even_if_it_never_had_the_lowest_loss() -> None:
    made = trials(2000)
    for best in made[100:140]:
        assert best in sample(made, 500, best=best.number)


def test_the_columns_have_one_value_per_trial() -> None:
    made = [replace(trial, info={"auc": 0.5, "note": "text"}) for trial in trials(60)]

    (rail,) = Guardrail.parse_all("guardrails", {"auc": {"min": 0.6}})
    guards = Guards(DecisionRule(guardrails=(rail,)))
    found = columns(made, [{"label": "x"}], since=0.0, mask=as_it_is, guards=guards)

    assert found.number == list(range(60))
    assert found.points == [[float(f"{number / 3:.7g}") for number in range(60)]]
    assert found.metrics == {"auc": [0.5] * 60}
    assert found.beyond == [trial.number for trial in made if trial.loss is not None]
    assert found.state.count("failed") == 1


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_answers_are_compressed_if_the_browser_accepts_it(
    client: TestClient, address: str, encoding: str
) -> None:
    writer = Writer(address)
    writer.open()
    writer.run(40)

    for path in (f"{RUN}/study", f"{RUN}/report?generation=0", "/dags/churn/static/study.js"):
        answer = client.get(path, headers={"Accept-Encoding": encoding})
        assert answer.headers.get("content-encoding") == ("gzip" if encoding == "gzip" else None)
        assert answer.headers["vary"] == "Accept-Encoding"


def test_a_file_that_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    path = "/dags/churn/static/study.js"
    tag = client.get(path).headers["etag"]

    answer = client.get(path, headers={"If-None-Match": tag})

    assert (answer.status_code, answer.content) == (304, b"")


def test_a_sampled_study_shows_the_number_of_trials(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "sample", lambda found, *, best: sample(found, 20, best=best))
    writer = Writer(address)
    writer.open(max_evals=100)
    writer.run(100)

    reply = client.get(f"{RUN}/study").json()

    assert reply["sampled_from"] == 100
    assert len(reply["columns"]["number"]) < 60
    assert reply["summary"]["trials"] == 100


def test_the_history_reads_only_the_newest_runs(client: TestClient, tmp_path: Path) -> None:
    from airflow_sparktune.dashboard.page.history import MOST_RUNS
    from airflow_sparktune.study.storage import LocalStorage

    for day in range(1, MOST_RUNS + 30):
        Writer(str(tmp_path / "churn" / "tune" / f"scheduled__2026-01-01T{day:06d}" / "g0")).open()
    reads: list[str] = []
    read = LocalStorage.read

    def counted(self: LocalStorage, name: str) -> bytes:
        reads.append(name)
        return read(self, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStorage, "read", counted)
        reply = client.get("/dags/churn/tasks/tune/history").json()

    assert reply["left_out"] == 29
    assert [name for name in reads if "T000030" in name]
    assert not [name for name in reads if "T000029" in name]
    assert len(reply["runs"]) == MOST_RUNS


@pytest.mark.integration
def test_a_hundred_thousand_trials_stay_small(tmp_path: Path, address: str) -> None:
    """For studies of any length, the page's data and a report are below 3 MB."""
    app = create_app(
        StorageRoots((str(tmp_path),)),
        guard=everybody,
        editor=somebody,
        mask=as_it_is,
        workers=Workers(deadline_s=120),  # the machine may be busy
    )
    client = TestClient(app)
    writer = Writer(address)
    writer.open(max_evals=100_000)
    writer.run(100_000, commit=False)
    writer.close()

    plain = {"Accept-Encoding": "identity"}
    replies = (client.get(f"{RUN}/study", headers=plain) for _ in count())
    data = next(reply for reply in replies if reply.json()["phase"] != "reading")
    report = client.get(f"{RUN}/report?generation=0", headers=plain)

    assert data.json()["summary"]["trials"] == 100_000
    assert len(data.content) < 3 * 2**20
    assert report.status_code == 200
    assert len(report.content) < 3 * 2**20


def test_a_report_of_a_hundred_trials_can_be_mailed(client: TestClient, address: str) -> None:
    writer = Writer(address)
    writer.open(max_evals=100)
    writer.run(100)
    writer.close()

    report = client.get(f"{RUN}/report?generation=0", headers={"Accept-Encoding": "identity"})

    assert len(report.content) < 2**20


def test_the_page_has_the_words_of_the_log_for_a_state() -> None:
    """They are written twice, because the page names states that it derives itself."""
    script = (STATIC / "format.js").read_text()
    (words,) = re.findall(r"STATE_WORDS = \{(.*)\};", script)
    assert dict(re.findall(r'(\w+): "([\w ]+)"', words)) == {
        state.value: state_text(state) for state in TrialState
    }
