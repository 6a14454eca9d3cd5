"""`keep_studies` asks Airflow before it removes a study that a retry may continue."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.errors import StorageError
from airflow_sparktune.orchestrator.after import remove_old_studies
from airflow_sparktune.study.files.airflow_task import AirflowTask, write_task
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.storage import open_storage
from tests.orchestrator.conftest import RUN
from tests.study.journal_samples import opened, trial, write

AGO = time.time() - 10 * 86_400.0


class Asked:
    """A task instance that can be asked for DAG runs; keeps the questions."""

    def __init__(self, answer: int | Exception) -> None:
        self.questions: list[Any] = []
        self._answer = answer

    def get_dr_count(self, dag_id: str, *, run_ids: list[str], states: list[str]) -> int:
        self.questions.append((dag_id, run_ids, states))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.fixture
def lost(tmp_path: Path) -> str:
    """Write a study whose driver disappeared ten days ago, and return its address."""
    address = str(tmp_path / "churn" / "tune" / "r0" / "g0")
    write(open_storage(address), 1, [opened(at=AGO)], [trial(0, 0.5, at=AGO)])
    for path in Path(address).rglob("*.jsonl"):
        os.utime(path, (AGO, AGO))
    write_task(address, AirflowTask(dag_id="churn", task_id="tune", run_id="r0"))
    return address


@pytest.mark.parametrize(("answer", "kept"), [(1, True), (0, False), (RuntimeError("no API server"), True)])
def test_a_lost_study_is_removed_once_its_run_has_ended(
    lost: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: Any, kept: bool
) -> None:
    ti = Asked(answer)
    remove_old_studies(ti, str(tmp_path / "churn" / "tune"), Keep(age_s=3_600.0), but="another")
    assert Path(lost).exists() is kept
    assert ti.questions == [("churn", ["r0"], ["queued", "running"])]
    assert ("does not tell whether its run has ended: no API server" in caplog.text) is isinstance(
        answer, Exception
    )


def test_a_lost_study_of_the_shell_is_removed(lost: str, tmp_path: Path) -> None:
    (Path(lost) / "airflow.json").unlink()
    ti = Asked(1)
    remove_old_studies(ti, str(tmp_path / "churn" / "tune"), Keep(age_s=3_600.0), but="another")
    assert (Path(lost).exists(), ti.questions) == (False, [])


def test_older_studies_are_removed_after_a_success(operator, run, spark_submit, storage, caplog) -> None:
    """Older studies are removed only after a success; this run's study is always kept."""
    spark_submit("works")
    for clear in range(3):
        run(operator(keep_studies=None), max_tries=clear)
    spark_submit("fails")
    with pytest.raises(AirflowFailException):
        run(operator(keep_studies=2), max_tries=3)
    folder = storage / RUN
    assert sorted(path.name for path in folder.iterdir()) == ["g0", "g1", "g2", "g3"]
    spark_submit("works")
    _, ti = run(operator(keep_studies="2"), max_tries=4)
    assert sorted(path.name for path in folder.iterdir()) == ["g3", "g4"]
    assert ti.pushed["study"] == str(folder / "g4")


def test_a_failed_removal_does_not_fail_the_task(operator, run, spark_submit, monkeypatch, caplog) -> None:
    spark_submit("works")
    run(operator())

    def refuse(*_: Any, **__: Any) -> None:
        raise StorageError("cannot remove: Permission denied")

    monkeypatch.setattr("airflow_sparktune.study.storage.LocalStorage.clear", refuse)
    best, _ = run(operator(keep_studies=1), max_tries=1)
    assert best == {"x": 0}
    assert "an older study was not removed: cannot remove: Permission denied" in caplog.text
