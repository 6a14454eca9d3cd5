from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from airflow_sparktune.executor.evaluate import Call, check, evaluate
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.pickled import PickledObjective
from airflow_sparktune.executor.reply import OURS, Reply
from airflow_sparktune.study.trial import FailureKind
from tests.executor import user_code

TRIAL = TrialContext(number=3, seed=99, attempt=1, tries=1)


class Sent:
    """A broadcast in a worker."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.value = PickledObjective(pickle.dumps(function), pickle.dumps)


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> tuple[Reply, Any]:
    """Return the reply and the pickled result as the driver gets them."""
    monkeypatch.setitem(user_code.ANSWERS, "it", answer)
    rows = iter([0])
    text, *whole = evaluate(Sent(user_code.returns), Call(pickle.dumps("it"), TRIAL), rows)
    assert list(rows) == []  # PySpark would end a worker that leaves rows unread
    return Reply.read(text), pickle.loads(whole[0]) if whole else None


def test_a_plain_loss_is_part_of_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    reply, whole = answering(monkeypatch, 0.5)
    assert (reply.loss, reply.failure, whole) == (0.5, None, None)


def test_other_results_are_returned_completely(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"loss": 0.5, "status": "ok", "model": {1, 2}}
    reply, whole = answering(monkeypatch, answer)
    assert (reply.loss, reply.info, whole) == (0.5, {OURS: {"left_out": ["model"]}}, answer)


def test_a_loss_beyond_1e150_is_a_failure_that_hyperopt_sees_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    reply, _ = answering(monkeypatch, {"loss": "2e150", "status": "ok"})
    assert reply.loss is None
    assert reply.failure is not None
    assert "must return a loss within 1e+150 in size, got 2e+150" in reply.failure.message
    assert reply.info == {OURS: {"reported": {"status": "ok", "loss": "2e+150"}}}


@pytest.mark.parametrize("loss", ["0.5", Decimal("0.5"), Fraction(1, 2), np.array(0.5)])
def test_a_loss_is_anything_that_converts_to_a_number(monkeypatch: pytest.MonkeyPatch, loss: Any) -> None:
    reply, _ = answering(monkeypatch, {"loss": loss, "status": "ok"})
    assert (reply.loss, reply.failure) == (0.5, None)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (None, "must return a finite loss, or a dict with one as 'loss', got None; return a number"),
        ({"loss": "low", "status": "ok"}, "must have a number as its loss, got 'low'"),
        ({"status": "ok"}, "must have a number as its loss, got None"),
        ({"loss": 1.0, "status": "ok", "attachments": [1]}, "attachments must be a dict of names and values"),
    ],
)
def test_the_error_of_a_rejected_result_states_the_rule(
    monkeypatch: pytest.MonkeyPatch, answer: Any, rule: str
) -> None:
    reply, whole = answering(monkeypatch, answer)
    assert reply.failure is not None
    assert rule in reply.failure.message
    assert whole is None


def test_each_attachment_is_kept_or_left_out_independently(monkeypatch: pytest.MonkeyPatch) -> None:
    attachments = {"note": "fine", "raw": b"\x00", "model": b"0" * 20_000, "array": np.ones(3)}
    answer = {"loss": 1.0, "status": "ok", "auc": 0.5, "attachments": attachments}
    reply, whole = answering(monkeypatch, answer)
    assert reply.info == {
        "auc": 0.5,
        "attachments": {"note": "fine", "raw": {"base64": "AA=="}},
        OURS: {"left_out": ["attachments['array']", "attachments['model']"]},
    }
    assert set(whole["attachments"]) == set(attachments)


def test_a_reported_failure_may_have_any_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    reply, _ = answering(monkeypatch, {"status": "fail", "loss": "none"})
    assert (reply.info or {})[OURS] == {"reported": {"status": "fail"}}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (math.nan, FailureKind.NONSENSE),
        ({"status": "fail"}, FailureKind.RAISED),
        ({"loss": 0.5}, FailureKind.RAISED),  # hyperopt requires a status
        ("0.5", FailureKind.RAISED),
        ({"loss": 0.5, "status": "ok", "model": user_code.Hostile()}, FailureKind.NONSENSE),
    ],
)
def test_any_other_result_fails_the_trial_but_not_the_worker(
    monkeypatch: pytest.MonkeyPatch, answer: Any, kind: FailureKind
) -> None:
    reply, _ = answering(monkeypatch, answer)
    assert reply.failure is not None
    assert reply.failure.kind is kind


def test_check_reports_why_an_objective_cannot_be_loaded() -> None:
    broadcast = Sent(user_code.returns)
    broadcast.value = PickledObjective(b"cno_such_module\nloss\n.", pickle.dumps)
    (good,) = check(Sent(user_code.returns), iter([0]))
    (bad,) = check(broadcast, iter([0]))
    assert json.loads(good)["error"] is None
    assert "ModuleNotFoundError: No module named 'no_such_module'" in json.loads(bad)["error"]
