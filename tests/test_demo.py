"""`make demo` prints what the tasks of an example log."""

from __future__ import annotations

import pytest

from tests.test_early_example import DAGS

OPERATOR = "[airflow.task.operators.airflow_sparktune.orchestrator.operator.SparkTuneOperator] loc=x.py:1"


@pytest.mark.parametrize(
    "message",
    [
        "study of digits:loss: 40 trials by auto on 2 slots of local[2] (attempt 1)",
        "[1/40] trial 0 ok loss=2",
    ],
)
def test_brackets_in_a_message_are_not_its_logger(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DAGS.parent / "tools"))
    import demo  # type: ignore[import-not-found]

    assert demo._said(f"2026-11-29T16:26:10.090776Z [info     ] {message} {OPERATOR}") == message
