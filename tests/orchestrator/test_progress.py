"""The progress value in the task's state store."""

from __future__ import annotations

from typing import Any

from airflow_sparktune.orchestrator import progress as module
from airflow_sparktune.orchestrator.progress import KEY, progress, shown
from airflow_sparktune.study.study import Study


def test_an_operator_shows_its_progress(operator, run, spark_submit, monkeypatch) -> None:
    """The last value says how the study ended, and every value is small JSON."""
    written: list[tuple[str, Any]] = []
    spark_submit("works")
    task = operator()
    monkeypatch.setattr(
        task, "_progress", lambda address, context: shown(address, lambda *told: written.append(told))
    )
    run(task)
    assert written[-1] == (
        KEY,
        {
            "trials": "3/3",
            "failed": 0,
            "best_loss": 0.0,
            "best_params": {"x": 0},
            "attempt": 1,
            "stopped_by": "max_evals",
        },
    )


def test_a_store_that_fails_costs_nobody_a_study(operator, run, spark_submit, monkeypatch, caplog) -> None:
    """It is said once, and the task goes on."""
    monkeypatch.setattr(module, "PERIOD_S", 0.01)

    def refuse(key: str, value: Any) -> None:
        raise ConnectionError("no API server")

    spark_submit("works")
    task = operator()
    monkeypatch.setattr(task, "_progress", lambda address, context: shown(address, refuse))
    best, _ = run(task)
    assert best == {"x": 0}
    assert caplog.text.count("stands still from here on") == 1


def test_a_study_that_has_not_begun() -> None:
    """Nothing is known, and that is what is said."""
    assert progress(Study())["trials"] == "0/?"
