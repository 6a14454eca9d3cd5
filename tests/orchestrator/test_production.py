"""The effects of a retuning in Airflow: events, XComs, skips, metrics, notifications, segments."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.sdk.definitions.asset import Model
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.observability import stats

from airflow_sparktune import promote_champion
from airflow_sparktune.orchestrator.task.instance import segment_of
from airflow_sparktune.study.files.airflow_task import task_folder_of
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action

CHURN = Model("churn")
ALIAS = AssetAlias("churn-retuned")


def sent(events: OutletEventAccessors) -> list[Any]:
    """Return the asset events that the task's success would emit."""
    return [event for alias in events for event in events[alias].asset_alias_events]


def record_of(ti: Any) -> Champions:
    """Return the record of the task whose study the task instance has pushed."""
    return Champions(task_folder_of(ti.pushed["study"]))


def test_an_alias_that_is_given_is_taken() -> None:
    """It is no second outlet of the task that promotes."""
    task = promote_champion("/studies/churn", production=CHURN, outlets=[ALIAS])
    assert task.outlets == [ALIAS]


class Store(dict[str, Any]):
    """A task state store."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self[key] = value


@pytest.fixture
def retune(operator, run, spark_submit):
    """Run a retuning to its decision; returns its result, task instance and events."""

    def execute(decision: str, **given: Any) -> tuple[Any, Any, list[Any]]:
        spark_submit(decision)
        events = OutletEventAccessors()
        task = operator(
            **{**given, "retuning": {"incumbent": "champion", **given.get("retuning", {})}}, production=CHURN
        )
        result, ti = run(task, events=events)
        return result, ti, sent(events)

    return execute


def test_only_a_change_emits_an_event(retune) -> None:
    """The event has the params and the evidence as small JSON; a kept champion emits no event."""
    result, ti, events = retune("replaces")
    assert result == {"x": 1}
    (event,) = events
    assert event.dest_asset_key.name == "churn"
    assert event.extra == {
        "decision": "replaced",
        "reason": "trial 1 is better by 0.1",
        "params": {"x": 1},
        "loss": 0.4,
        "score": None,
        "loss_error": 0.01,
        "difference": 0.1,
        "difference_error": 0.01,
        "segment": None,
        "study": ti.pushed["study"],
    }


def test_a_kept_champion_emits_no_event(retune) -> None:
    result, ti, events = retune("keeps")
    assert (result, events) == ({"x": 0}, [])
    assert ti.pushed["tuning_result"]["decision"] == "kept"
    assert ti.pushed["best_loss"] == 0.5


def test_a_retry_emits_the_event_of_an_earlier_decision(retune, operator, run, spark_submit) -> None:
    """If a task dies between the decision and its success, the retry emits the event."""
    retune("replaces")
    spark_submit("dies early")
    events = OutletEventAccessors()
    run(operator(retuning={"incumbent": "champion"}, production=CHURN), events=events)
    assert len(sent(events)) == 1


def test_a_winner_awaiting_promotion_emits_no_event(retune) -> None:
    _, _, events = retune("replaces", retuning={"promote": "manual"})
    assert events == []


def test_downstream_tasks_after_a_kept_champion(retune) -> None:
    with pytest.raises(AirflowSkipException, match="production stays as it is: kept: too little"):
        retune("keeps", after={"on_no_improvement": "skip"})
    with pytest.raises(AirflowFailException, match="production stays as it is: kept"):
        retune("keeps", after={"on_no_improvement": "fail"})


def test_a_result_that_is_read_after_a_rollback_is_outdated(retune, run, operator, spark_submit) -> None:
    """A worker is lost after the decision, and the retry starts hours later: the rollback stands.

    Neither the result nor an event ships the loser, and nobody is told of a change.
    """
    _, ti, _ = retune("replaces")
    record = record_of(ti)
    record.add(Action.REPLACED, cause="an earlier study", at=1.0, params={"x": 7}, reason="", study="earlier")
    restored = record.restore(2, at=2.0, by="ada")
    spark_submit("dies early")
    told: list[Any] = []
    events = OutletEventAccessors()
    task = operator(retuning={"incumbent": "champion"}, production=CHURN, after={"on_replaced": told.append})
    result, ti = run(task, events=events)
    assert (result, sent(events), told) == ({"x": 7}, [], [])
    assert ti.pushed["tuning_result"]["decision"] == "outdated"
    assert restored.title in ti.pushed["tuning_result"]["decision_reason"]
    assert ti.pushed["best_loss"] is None


def test_a_kept_champion_that_was_rolled_back_is_not_returned(retune, run, operator, spark_submit) -> None:
    _, ti, _ = retune("keeps")
    record_of(ti).add(Action.PROMOTED, cause="a", at=1.0, params={"x": 7}, reason="", study="other")
    spark_submit("dies early")
    assert run(operator(retuning={"incumbent": "champion"}))[0] == {"x": 7}


def test_a_proposal_that_is_read_after_a_rollback_is_outdated(retune, run, operator, spark_submit) -> None:
    """`promote_champion` would refuse it, so neither an approval nor a training should be asked for it."""
    _, ti, _ = retune("replaces", retuning={"promote": "manual"})
    record_of(ti).add(Action.PROMOTED, cause="a", at=1.0, params={"x": 7}, reason="", study="other")
    spark_submit("dies early")
    result, ti = run(operator(retuning={"incumbent": "champion", "promote": "manual"}))
    assert (result, ti.pushed["tuning_result"]["decision"]) == ({"x": 7}, "outdated")


def test_a_proposal_that_was_promoted_is_not_outdated(retune, run, operator, spark_submit) -> None:
    _, ti, _ = retune("replaces", retuning={"promote": "manual"})
    run(promote_champion(ti.pushed["study"]))
    spark_submit("dies early")
    result, ti = run(operator(retuning={"incumbent": "champion", "promote": "manual"}))
    assert (result, ti.pushed["tuning_result"]["decision"]) == ({"x": 1}, "replaced")


def test_a_record_that_cannot_be_read_fails_the_task(retune, run, operator, spark_submit) -> None:
    """A retry cannot help."""
    _, ti, _ = retune("replaces")
    Path(record_of(ti).address, "00000002.json").write_text("torn")
    spark_submit("dies early")
    with pytest.raises(AirflowFailException, match=r"00000002.json is torn"):
        run(operator(retuning={"incumbent": "champion"}))


def test_downstream_tasks_run_after_an_improvement(retune) -> None:
    assert retune("replaces", after={"on_no_improvement": "skip"})[0] == {"x": 1}


def test_the_summary_as_the_result(retune) -> None:
    result, ti, _ = retune("replaces", after={"xcom_return": "summary"}, segment="fr")
    assert result == ti.pushed["tuning_result"]
    assert (result["segment"], result["decision"], result["best_params"]) == ("fr", "replaced", {"x": 1})
    assert result["confirmation"]["candidates"][0]["difference"] == 0.1
    assert result["confirmation"]["candidates"][0]["mean_score"] is None


def test_the_evidence_has_scores(retune) -> None:
    """With maximize, each mean of the losses has that of the scores beside it."""
    _, ti, _ = retune("replaces", maximize="accuracy")
    confirmation = ti.pushed["tuning_result"]["confirmation"]
    measured = [confirmation["incumbent"], *confirmation["candidates"]]
    assert [(item["mean"], item["mean_score"]) for item in measured] == [(0.5, -0.5), (0.4, -0.4)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"after": {"on_no_improvement": "stop"}},
            "after.on_no_improvement must be one of keep, skip, fail, got 'stop'",
        ),
        ({"after": {"xcom_return": "all"}}, "after.xcom_return must be one of params, summary, got 'all'"),
        ({"production": CHURN}, "production must go with an incumbent"),
    ],
)
def test_invalid_arguments_are_rejected(rendered, run, given: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        run(rendered(**given))


def test_the_asset_itself_must_not_be_an_outlet(operator) -> None:
    """Airflow would emit an event every week."""
    with pytest.raises(ValueError, match="production must not be among the outlets, got 'churn' there"):
        operator(retuning={"incumbent": "champion"}, production=CHURN, outlets=[CHURN])


def test_a_mapped_task_declares_its_alias(operator, run) -> None:
    """The scheduler does not see an alias that the task adds when it runs."""
    parsed = types.SimpleNamespace(outlets=[], partial_kwargs={})
    with pytest.raises(
        AirflowFailException, match=r"add outlets=\[AssetAlias\('churn-retuned'\)\] to partial"
    ):
        run(operator(retuning={"incumbent": "champion"}, production=CHURN), parsed=parsed)


def test_an_existing_alias_is_used(retune) -> None:
    _, _, (event,) = retune("replaces", outlets=[Asset("report"), AssetAlias("news")])
    assert event.source_alias_name == "news"


@pytest.mark.parametrize(("decision", "calls"), [("replaces", 1), ("keeps", 0)])
def test_notifiers_are_called_for_a_replacement(retune, decision: str, calls: int) -> None:
    """A proposal replaces nothing yet; `promote_champion` has notifiers of its own."""
    reasons: list[str] = []
    retune(
        decision,
        after={"on_replaced": [lambda context: reasons.append(context["tuning"]["decision_reason"])]},
    )
    assert reasons == ["trial 1 is better by 0.1"] * calls
    retune(
        "replaces",
        retuning={"promote": "manual"},
        seed=2,
        after={"on_replaced": lambda context: reasons.append("proposed")},
    )
    assert "proposed" not in reasons


def test_a_failing_notifier_does_not_affect_the_decision(retune) -> None:
    def broken(context: Any) -> None:
        raise OSError("no mail server")

    assert retune("replaces", after={"on_replaced": broken})[0] == {"x": 1}


def test_notifiers_are_called_for_a_broken_incumbent(retune) -> None:
    errors: list[str] = []
    with pytest.raises(AirflowFailException, match="the incumbent failed on today's data"):
        retune(
            "breaks the incumbent",
            after={"on_broken": lambda context: errors.append(context["tuning"]["error"])},
        )
    assert errors == ["the incumbent failed on today's data: KeyError: 'age'"]


def test_metrics(retune, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(stats, "incr", lambda name, tags: found.append((name, tags)))
    monkeypatch.setattr(stats, "gauge", lambda name, value, tags: found.append((name, value, tags)))
    retune("replaces", segment="fr")
    tags = {"dag_id": "churn", "task_id": "tune", "segment": "fr"}
    assert found[0] == ("sparktune.decision.replaced", tags)
    gauges = ("loss", "reserved_slot_hours", "used_slot_hours")
    assert [each[0] for each in found[1:]] == [f"sparktune.{name}" for name in gauges]
    assert found[1][1:] == (0.4, tags)


class TestPromotion:
    @staticmethod
    def promote(run, study: str, **instance: Any) -> tuple[Any, int, list[Any]]:
        """Run the task; return its result, the number of events, and what notifiers were told."""
        events, told = OutletEventAccessors(), list[Any]()
        task = promote_champion(
            study, production=CHURN, on_replaced=lambda context: told.append(context["tuning"])
        )
        return run(task, events=events, **instance)[0], len(sent(events)), told

    def test_the_winner_becomes_the_champion(self, retune, run) -> None:
        """With one event, and one entry that names the run."""
        _, ti, _ = retune("replaces", retuning={"promote": "manual"})
        result, events, told = self.promote(run, ti.pushed["study"])
        assert (result, events, told[0]["decision"]) == ({"x": 1}, 1, "replaced")
        champion = record_of(ti).current()
        assert champion is not None
        assert (champion.action, champion.params) == (Action.PROMOTED, {"x": 1})
        assert champion.by == f"churn.tune, {ti.run_id}"

    def test_the_entry_names_the_person_who_approved(self, retune, run, monkeypatch) -> None:
        """The approval need not be directly before the promotion."""
        _, ti, _ = retune("replaces", retuning={"promote": "manual"})
        answer = {"chosen_options": ["Approve"], "responded_by_user": {"id": "7", "name": "Ada Lovelace"}}
        monkeypatch.setattr(
            type(ti), "xcom_pull", lambda _, task_ids: {"approve": answer}[task_ids], raising=False
        )
        with DAG("churn"):
            promotion = promote_champion(ti.pushed["study"])
            ApprovalOperator(task_id="approve", subject="?") >> EmptyOperator(task_id="train") >> promotion

        run(promotion)

        champion = record_of(ti).current()
        assert champion is not None
        assert champion.by == f"Ada Lovelace, churn.tune, {ti.run_id}"

    def test_a_retry_announces_it_again_and_a_cleared_task_does_not(self, retune, run) -> None:
        """Airflow drops the events of a failed try, and has sent those of a task that is cleared."""
        _, ti, _ = retune("replaces", retuning={"promote": "manual"})
        store = Store()
        announced = [
            self.promote(run, ti.pushed["study"], store=store, max_tries=tries)[1] for tries in (1, 1, 3)
        ]
        assert announced == [1, 1, 0]
        assert [entry.action for entry in record_of(ti).history()] == [Action.PROPOSED, Action.PROMOTED]

    def test_a_task_that_failed_and_was_cleared_announces_it(self, retune, run) -> None:
        """Airflow has not sent the event, because the task was ended before its success."""
        _, ti, _ = retune("replaces", retuning={"promote": "manual"})
        store = Store()

        def end(context: Any) -> None:
            raise SystemExit

        with pytest.raises(SystemExit):
            run(promote_champion(ti.pushed["study"], production=CHURN, on_replaced=end), store=store)
        assert self.promote(run, ti.pushed["study"], store=store, max_tries=1)[1] == 1

    def test_a_promotion_after_a_rollback_changes_nothing(self, retune, run, caplog) -> None:
        _, ti, _ = retune("replaces", retuning={"promote": "manual"})
        record = record_of(ti)
        old = record.add(Action.FIRST, cause="a", at=1.0, params={"x": 7}, reason="", study="other")
        result, events, told = self.promote(run, ti.pushed["study"])
        assert (result, events, told) == ({"x": 7}, 0, [])
        assert record.current() == old

    def test_a_promotion_that_was_rolled_back_is_not_repeated(self, retune, run) -> None:
        """The task is cleared after somebody's rollback."""
        _, ti, _ = retune("replaces", retuning={"promote": "manual"})
        record = record_of(ti)
        self.promote(run, ti.pushed["study"])
        record.add(Action.REPLACED, cause="a", at=1.0, params={"x": 7}, reason="", study="other")
        assert self.promote(run, ti.pushed["study"]) == ({"x": 7}, 0, [])
        assert record.current().params == {"x": 7}

    def test_the_promotion_of_an_older_week_changes_nothing(self, retune, run) -> None:
        """A newer week has kept its incumbent since; the loser's params are not returned either."""
        _, ti, _ = retune("replaces", retuning={"promote": "manual"})
        record = record_of(ti)
        record.add(Action.KEPT, cause="a", at=1.0, params={"x": 0}, reason="", study="newer", moment=9e9)
        assert self.promote(run, ti.pushed["study"]) == ({"x": 0}, 0, [])
        assert record.current() is None

    def test_the_record_is_the_one_beside_the_study(self, retune, run, tmp_path) -> None:
        """Whoever may write to one task's folder cannot choose another task's record in its journal."""
        _, ti, _ = retune("replaces", retuning={"promote": "manual"})
        theirs = Champions(str(tmp_path / "payments" / "tune"))
        first = theirs.add(Action.FIRST, cause="a", at=1.0, params={"x": 7}, reason="")
        for path in Path(ti.pushed["study"]).rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes().replace(record_of(ti).root.encode(), theirs.root.encode()))
        self.promote(run, ti.pushed["study"])
        assert theirs.current() == first
        assert len(theirs.history()) == 1

    def test_a_decision_that_did_not_wait_is_not_promoted(self, retune, run) -> None:
        _, ti, _ = retune("replaces")
        assert self.promote(run, ti.pushed["study"]) == ({"x": 1}, 0, [])
        assert [entry.action for entry in record_of(ti).history()] == [Action.REPLACED]

    def test_a_kept_champion_is_not_promoted(self, retune, run) -> None:
        _, ti, _ = retune("keeps", retuning={"promote": "manual"})
        events = OutletEventAccessors()
        assert run(promote_champion(ti.pushed["study"], production=CHURN), events=events)[0] == {"x": 0}
        assert sent(events) == []

    def test_a_study_without_a_decision(self, run, tmp_path) -> None:
        with pytest.raises(AirflowFailException, match=r"study must be .* with a decision"):
            run(promote_champion(str(tmp_path)))


class TestSegments:
    """A mapped instance's segment depends on its mapped arguments, not on its position in the list."""

    @staticmethod
    def name(arguments: dict[str, Any], *, index: int = 0, **partial: Any) -> str | None:
        parsed = types.SimpleNamespace(partial_kwargs=partial)
        ti = types.SimpleNamespace(map_index=index, task_id="tune")
        context: Any = {"ti": ti, "dag": types.SimpleNamespace(task_dict={"tune": parsed})}
        return segment_of(context, None, arguments)

    def test_an_unmapped_task_has_no_segment(self) -> None:
        assert self.name({"objective_kwargs": {"country": "fr"}}, index=-1) is None

    def test_the_order_of_the_list_does_not_matter(self) -> None:
        fr, de = {"objective_kwargs": {"country": "fr"}}, {"objective_kwargs": {"country": "de"}}
        assert self.name(fr, index=0) == self.name(fr, index=7) != self.name(de, index=0)

    def test_shared_arguments_do_not_count(self) -> None:
        """A shared argument may be a date in a template, which changes every week."""
        this = self.name({"objective_kwargs": {"c": 1}, "seed": 1}, seed=1)
        assert this == self.name({"objective_kwargs": {"c": 1}, "seed": 2}, seed=2)
        decorated = self.name({"op_kwargs": {"c": 1, "week": "w1"}}, op_kwargs={"week": "{{ ds }}"})
        assert decorated == self.name({"op_kwargs": {"c": 1, "week": "w2"}}, op_kwargs={"week": "{{ ds }}"})
        assert decorated != self.name({"op_kwargs": {"c": 2, "week": "w1"}}, op_kwargs={"week": "{{ ds }}"})
