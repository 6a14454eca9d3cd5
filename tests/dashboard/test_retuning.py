"""The page of a retuning study, and its task's champions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.page.html_report import report
from airflow_sparktune.dashboard.page.retuning import contenders
from airflow_sparktune.driver.retuning.words import kept_reason
from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.journal.events import Nominated
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.retuning.decision import Decision, Measured, Outcome, Standing
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.pages import TASK, as_it_is, client_of, nobody, somebody
from tests.driver.retuning.weeks import Weeks, noisy
from tests.study.journal_samples import BEGAN, follow, opened, trial, write

SAME = {"Origin": "http://testserver", "Content-Type": "application/json"}


@pytest.fixture
def weeks(tmp_path: Path) -> Weeks:
    """Write the retunings of a task: a first champion, then one that replaces it."""
    weeks = Weeks(str(tmp_path / "churn" / "tune"))
    weeks.run("w1")
    weeks.run("w2", noisy(0.05), seed=4, warm_start="previous", capacity=1)
    return weeks


def study(client: TestClient, week: str) -> dict[str, Any]:
    reply: dict[str, Any] = client.get(f"{TASK}/runs/{week}/study").json()
    return reply


def restore(client: TestClient, headers: dict[str, str] = SAME, **query: Any) -> Any:
    return client.put(f"{TASK}/restore", params={"entry": 1, **query}, headers=headers, content="{}")


def test_the_decision_with_its_evidence(client: TestClient, weeks: Weeks) -> None:
    """The reply has the incumbent first, each repeat by its number, and the params that change."""
    decided = weeks.study("w2").decision
    assert decided is not None
    reply = study(client, "w2")
    found, told = reply["retuning"], reply["summary"]
    assert (told["decision"], told["decision_reason"]) == ("replaced", decided.reason)
    incumbent, *candidates = found["contenders"]
    assert (incumbent["incumbent"], incumbent["number"], len(incumbent["losses"])) == (True, 0, 5)
    assert [each["number"] for each in candidates] == [item.number for item in decided.candidates]
    won = next(each for each in candidates if each["standing"] == "won")
    assert won["bound"] > 0
    assert sum(won["losses"]) / 5 == pytest.approx(won["mean"])
    assert found["changed"]["x"][1] == pytest.approx(decided.params["x"])


def test_repeats_are_separate_from_trials_of_the_search(client: TestClient, weeks: Weeks) -> None:
    """They are sent with the trial that they repeat; counts and best are those of the search."""
    reply = study(client, "w2")
    assert reply["summary"]["trials"] == reply["summary"]["counts"]["ok"] == 12
    assert reply["summary"]["repeats"] == len(reply["columns"]["repeats"])
    assert len(reply["columns"]["number"]) == 12 + reply["summary"]["repeats"]
    repeated = set(reply["columns"]["repeats"].values())
    assert repeated == {each["number"] for each in reply["retuning"]["contenders"]}
    origins = reply["columns"]["origin"]
    assert {text for text in origins.values() if "repeat" not in text} == {"champion", "warm start"}
    assert origins["12"] == f"repeat 1 of trial {reply['columns']['repeats']['12']}"


def test_a_study_without_an_incumbent_has_no_decision(client: TestClient, tmp_path: Path) -> None:
    weeks = Weeks(str(tmp_path / "churn" / "tune"))
    weeks.run("w1", retuning={"incumbent": None})
    assert study(client, "w1")["retuning"] is None


def test_a_running_confirmation_shows_its_repeats(client: TestClient, tmp_path: Path) -> None:
    weeks = Weeks(str(tmp_path / "churn" / "tune"))

    def stops(call):  # type: ignore[no-untyped-def]
        if call.trial.purpose == "confirm" and call.trial.number == 16:
            raise RuntimeError("the engine is gone")
        return noisy(0.5)(call)

    with pytest.raises(RuntimeError):
        weeks.run("w1", stops, capacity=1)
    reply = study(client, "w1")
    found = reply["retuning"]
    assert reply["summary"]["decision"] is None
    assert [len([loss for loss in each["losses"] if loss is not None]) for each in found["contenders"]] == [
        2,
        1,
        1,
    ]


def test_a_nominated_trial_may_be_missing(tmp_path: Path) -> None:
    """A part of the journal may be lost; the page still shows the trials that are there."""
    events = [opened(), trial(0, 0.25), Nominated(at=BEGAN, reason=StopReason.MAX_EVALS, candidates=(0, 7))]
    storage = LocalStorage(tmp_path)
    write(storage, 1, events)
    shown = contenders(follow(storage).study, mask=as_it_is)
    assert [(row.number, row.n, row.losses) for row in shown] == [(0, 0, []), (7, 0, [])]


def test_a_report_contains_the_decision(weeks: Weeks) -> None:
    text = report(weeks.study("w2"), title="churn", mask=as_it_is)
    assert "replaced: trial" in text
    assert "What changes in production" in text


def test_the_history_has_the_record(client: TestClient, weeks: Weeks) -> None:
    """Entries are newest first, including a rollback; the entry in production is marked."""
    weeks.record().restore(1, at=2e9, by="ada")
    reply = client.get(f"{TASK}/history").json()
    (record,) = reply["champions"]
    assert [entry["action"] for entry in record["entries"]] == ["restored", "replaced", "first"]
    assert [entry["in_production"] for entry in record["entries"]] == [True, False, False]
    restored, replaced, first = record["entries"]
    places = [(each["folder"], each["map_index"], each["generation"]) for each in record["entries"]]
    assert places == [("w1", -1, 0), ("w2", -1, 0), ("w1", -1, 0)]
    assert first["data_at"] < replaced["data_at"]
    assert (restored["restores"], restored["by"], restored["challenger"]) == (1, "ada", None)
    assert replaced["difference"]["mean"] > 0
    assert replaced["incumbent"]["mean"] - replaced["challenger"]["mean"] == pytest.approx(
        replaced["difference"]["mean"]
    )
    assert (first["incumbent"], first["params"]) == (None, restored["params"])
    assert [run["summary"]["decision"] for run in reply["runs"]] == ["replaced", "first"]
    assert reply["left_out"] == 0


def test_an_entry_shows_the_challenger_that_its_reason_names(client: TestClient, tmp_path: Path) -> None:
    """The guardrail bars it; another candidate has a lower mean, which may be luck."""
    candidates = [
        Measured(number=1, params={"x": 0.1}, n=5, mean=0.5, standing=Standing.NOT_BETTER, difference=0.5),
        Measured(number=2, params={"x": 0.2}, n=5, mean=0.75, standing=Standing.GUARDRAIL, difference=0.25),
    ]
    decision = Decision(
        outcome=Outcome.KEPT,
        reason=kept_reason(DecisionRule(), candidates, noise=True),
        params={"x": 0.9},
        number=0,
        incumbent=Measured(number=0, params={"x": 0.9}, n=5, mean=1.0),
        candidates=tuple(candidates),
    )
    assert "trial 2" in decision.reason
    weeks = Weeks(str(tmp_path / "churn" / "tune"))
    weeks.run("w1")
    weeks.record().add(
        Action.KEPT, cause="w2", at=2e9, params={"x": 0.9}, point=None, loss=1.0, maximize=None, study="w2",
        reason=decision.reason, evidence=decision.to_json(),
    )  # fmt: skip
    (record,) = client.get(f"{TASK}/history").json()["champions"]
    assert record["entries"][0]["challenger"]["mean"] == 0.75
    assert record["entries"][0]["difference"]["mean"] == 0.25


def test_every_segment_has_its_row(client: TestClient, tmp_path: Path) -> None:
    weeks = Weeks(str(tmp_path / "churn" / "tune"))
    weeks.run("w1", segment="lyon")
    weeks.run("w2", segment="porto", seed=4)
    found = client.get(f"{TASK}/history").json()["champions"]
    assert [each["segment"] for each in found] == ["lyon", "porto"]


def test_a_torn_record_is_reported(client: TestClient, weeks: Weeks) -> None:
    (Path(weeks.record().address) / "00000003.json").write_bytes(b"{")
    (record,) = client.get(f"{TASK}/history").json()["champions"]
    assert "an entry is torn" in record["problem"]


class TestRestore:
    def test_a_rollback_is_recorded_with_its_user(self, client: TestClient, weeks: Weeks) -> None:
        first = weeks.record().current()
        answer = restore(client)
        assert (answer.status_code, "is the champion again" in answer.json()["message"]) == (200, True)
        champion = weeks.record().current()
        assert champion is not None
        assert champion != first
        assert (champion.action, champion.restores, champion.by) == (Action.RESTORED, 1, "ada")
        event = answer.json()["event"]
        assert (event["decision"], event["params"], event["loss"]) == (
            "restored", champion.params, champion.loss,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({**SAME, "Origin": "http://evil.example"}, 403),
            ({"Content-Type": "application/json"}, 403),
            ({**SAME, "Content-Type": "text/plain"}, 415),
        ],
    )
    def test_requests_from_another_site_are_rejected(
        self, client: TestClient, weeks: Weeks, headers: dict[str, str], status: int
    ) -> None:
        assert restore(client, headers).status_code == status
        assert len(weeks.record().history()) == 2

    @pytest.mark.parametrize(("editor", "status"), [(nobody, 403), (somebody, 200)])
    def test_a_user_who_may_only_read_may_not_restore(
        self, tmp_path: Path, weeks: Weeks, editor: Callable[..., Any], status: int
    ) -> None:
        client = client_of(tmp_path, editor=editor)
        assert client.get(f"{TASK}/history").status_code == 200
        assert client.get(f"{TASK}/restore").status_code == status
        assert restore(client).status_code == status
        assert len(weeks.record().history()) == (3 if status == 200 else 2)

    def test_a_missing_entry_or_segment(self, client: TestClient, weeks: Weeks) -> None:
        """An unknown segment does not start a new record."""
        assert restore(client, entry=9).status_code == 404
        assert restore(client, segment="../../other").status_code == 404
        assert restore(client, segment="lyon").status_code == 404
        assert len(weeks.record().history()) == 2

    def test_an_unpromoted_challenger_cannot_be_restored(self, client: TestClient, weeks: Weeks) -> None:
        """Restoring must not bypass a manual promotion."""
        weeks.run("w3", noisy(0.9), seed=5, retuning={"promote": "manual"})
        assert weeks.actions()[-1] is Action.PROPOSED
        answer = restore(client, entry=3)
        assert answer.status_code == 409
        assert answer.json()["detail"] == "Entry 3 did not set a champion, so it cannot be restored."

    def test_one_segment_alone(self, client: TestClient, tmp_path: Path) -> None:
        weeks = Weeks(str(tmp_path / "churn" / "tune"))
        weeks.run("w1", segment="lyon")
        weeks.run("w2", segment="porto", seed=4)
        assert restore(client).status_code == 404
        assert restore(client, segment="porto").status_code == 200
        assert len(weeks.record("porto").history()) == 2
        assert len(weeks.record("lyon").history()) == 1

    def test_a_link_out_of_the_record_is_not_followed(
        self, client: TestClient, tmp_path: Path, weeks: Weeks
    ) -> None:
        """A user who may edit this DAG must not write to another DAG's record."""
        other = tmp_path / "other" / "tune"
        theirs = Champions(str(other), "fr")
        theirs.add(Action.FIRST, cause="a", at=1.0, params={"x": 1}, reason="because")
        record = Path(weeks.root) / "@champions"
        (record / "segment=fr").symlink_to(Path(theirs.address))
        assert restore(client, segment="fr").status_code == 404
        assert len(theirs.history()) == 1


def test_the_records_of_very_many_segments_are_read_one_at_a_time(client: TestClient, tmp_path: Path) -> None:
    root = str(tmp_path / "churn" / "tune")
    names = [*(f"s{number:03}" for number in range(100)), "Éast"]
    for name in names:
        Champions(root, name).add(Action.FIRST, cause="r1", at=1.0, params={"x": 1}, reason="the first")

    rows = client.get(f"{TASK}/history").json()["champions"]
    one = client.get(f"{TASK}/champions", params={"segment": "s007"}).json()

    assert [row["segment"] for row in rows if row["unread"]] == names[:100]
    (hashed,) = [row for row in rows if not row["unread"]]
    assert "has its name" in hashed["problem"]
    assert not any(row["entries"] for row in rows)
    assert [entry["in_production"] for entry in one["entries"]] == [True]
    assert client.get(f"{TASK}other/champions").status_code == 404


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("r1/g2", ("r1", -1, None, 2)),
        ("r1/3/g0", ("r1", 3, None, 0)),
        ("r1/segment=north/g1", ("r1", -1, "north", 1)),
        ("r1/3/segment=north/g0", ("r1", 3, "north", 0)),
        ("r1/other/north/g0", (None, -1, None, None)),
    ],
)
def test_an_entry_names_its_study(
    client: TestClient, tmp_path: Path, path: str, named: tuple[Any, ...]
) -> None:
    root = str(tmp_path / "churn" / "tune")
    facts = {"params": {"x": 1}, "reason": "the first", "study": f"s3://lake/churn/tune/{path}"}
    Champions(root, "north").add(Action.FIRST, cause="r1", at=1.0, **facts)

    ((entry,),) = [row["entries"] for row in client.get(f"{TASK}/history").json()["champions"]]

    assert tuple(entry[key] for key in ("folder", "map_index", "segment", "generation")) == named
