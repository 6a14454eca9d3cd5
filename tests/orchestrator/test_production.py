"""The effects of a retuning in Airflow: events, XComs, skips, metrics, notifications, segments."""

from __future__ import annotations

import types
from typing import Any

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.definitions.asset import Model
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.observability import stats

from airflow_sparktune import promote_champion
from airflow_sparktune.orchestrator.segments import segment_of
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.retuning.champions import Action, Champions

CHURN = Model("churn")
ALIAS = AssetAlias("churn-retuned")


def sent(events: OutletEventAccessors) -> list[Any]:
    """Return the asset events that the task's success would emit."""
    return [event for alias in events for event in events[alias].asset_alias_events]


@pytest.fixture
def retune(operator, run, spark_submit):
    """Run a retuning to its decision; returns its result, task instance and events."""

    def execute(decision: str, **given: Any) -> tuple[Any, Any, list[Any]]:
        spark_submit(decision)
        events = OutletEventAccessors()
        task = operator(incumbent="champion", production=CHURN, **given)
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
    run(operator(incumbent="champion", production=CHURN), events=events)
    assert len(sent(events)) == 1


def test_a_winner_awaiting_promotion_emits_no_event(retune) -> None:
    _, _, events = retune("replaces", promote="manual")
    assert events == []


def test_downstream_tasks_after_a_kept_champion(retune) -> None:
    with pytest.raises(AirflowSkipException, match="the incumbent is kept: too little"):
        retune("keeps", on_no_improvement="skip")
    with pytest.raises(AirflowFailException, match="the incumbent is kept"):
        retune("keeps", on_no_improvement="fail")


def test_downstream_tasks_run_after_an_improvement(retune) -> None:
    assert retune("replaces", on_no_improvement="skip")[0] == {"x": 1}


def test_the_summary_as_the_result(retune) -> None:
    result, ti, _ = retune("replaces", xcom_return="summary", segment="fr")
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
        ({"on_no_improvement": "stop"}, "on_no_improvement must be one of keep, skip, fail, got 'stop'"),
        ({"xcom_return": "all"}, "xcom_return must be one of params, summary, got 'all'"),
        ({"production": CHURN}, "production must go with an incumbent"),
    ],
)
def test_invalid_arguments_are_rejected(operator, run, given: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        run(operator(**given))


def test_the_asset_itself_must_not_be_an_outlet(operator) -> None:
    """Airflow would emit an event every week."""
    with pytest.raises(ValueError, match="production must not be among the outlets, got 'churn' there"):
        operator(incumbent="champion", production=CHURN, outlets=[CHURN])


def test_a_mapped_task_declares_its_alias(operator, run) -> None:
    """The scheduler does not see an alias that the task adds when it runs."""
    parsed = types.SimpleNamespace(outlets=[], partial_kwargs={})
    with pytest.raises(
        AirflowFailException, match=r"add outlets=\[AssetAlias\('churn-retuned'\)\] to partial"
    ):
        run(operator(incumbent="champion", production=CHURN), parsed=parsed)


def test_an_existing_alias_is_used(retune) -> None:
    _, _, (event,) = retune("replaces", outlets=[Asset("report"), AssetAlias("news")])
    assert event.source_alias_name == "news"


@pytest.mark.parametrize(("decision", "calls"), [("replaces", 1), ("keeps", 0)])
def test_notifiers_are_called_for_a_replacement(retune, decision: str, calls: int) -> None:
    reasons: list[str] = []
    retune(decision, on_replaced=[lambda context: reasons.append(context["tuning"]["decision_reason"])])
    assert reasons == ["trial 1 is better by 0.1"] * calls


def test_a_failing_notifier_does_not_affect_the_decision(retune) -> None:
    def broken(context: Any) -> None:
        raise OSError("no mail server")

    assert retune("replaces", on_replaced=broken)[0] == {"x": 1}


def test_notifiers_are_called_for_a_broken_incumbent(retune) -> None:
    errors: list[str] = []
    with pytest.raises(AirflowFailException, match="the incumbent failed on today's data"):
        retune("breaks the incumbent", on_broken=lambda context: errors.append(context["tuning"]["error"]))
    assert errors == ["the incumbent failed on today's data: KeyError: 'age'"]


def test_metrics(retune, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(stats, "incr", lambda name, tags: found.append((name, tags)))
    monkeypatch.setattr(stats, "gauge", lambda name, value, tags: found.append((name, value, tags)))
    retune("replaces", segment="fr")
    tags = {"dag_id": "churn", "task_id": "tune", "segment": "fr"}
    assert found[0] == ("sparktune.decision.replaced", tags)
    assert [each[0] for each in found[1:]] == ["sparktune.loss", "sparktune.slot_hours"]
    assert found[1][1:] == (0.4, tags)


class TestPromotion:
    def test_promotion_is_idempotent(self, retune, run) -> None:
        """The winner becomes the champion with an event; repeating the promotion changes nothing."""
        _, ti, _ = retune("replaces", promote="manual")
        events = OutletEventAccessors()
        task = promote_champion(ti.pushed["study"], production=CHURN)
        assert run(task, events=events)[0] == {"x": 1}
        assert [event.extra["params"] for event in sent(events)] == [{"x": 1}]
        run(promote_champion(ti.pushed["study"]))
        spec = read_study(ti.pushed["study"]).study.spec
        assert spec is not None
        assert spec.champions is not None
        (entry,) = Champions(spec.champions).history()
        assert (entry.action, entry.by) == (Action.PROMOTED, f"churn.tune, {ti.run_id}")

    def test_a_kept_champion_is_not_promoted(self, retune, run) -> None:
        _, ti, _ = retune("keeps", promote="manual")
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
