"""A script's study is recorded and taken over like that of a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hyperopt import fmin, hp, rand

from airflow_sparktune import SparkTrials
from airflow_sparktune.study.files.stop_request import request_stop
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialOrigin

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("spark")]


def bowl(params: dict[str, Any]) -> float:
    return params["x"] ** 2


def search(folder: Path, *, max_evals: int, **given: Any) -> Study:
    trials = SparkTrials(parallelism=1, study=folder)
    fmin(
        bowl, {"x": hp.uniform("x", -5, 5)}, rand.suggest, max_evals=max_evals, trials=trials,
        rstate=np.random.default_rng(7), show_progressbar=False, **given,
    )  # fmt: skip
    return read_study(str(folder)).study


def cut_off(folder: Path) -> None:
    """Leave the journal as a killed driver does."""
    for chunk in (folder / "attempts").glob("*/*"):
        events = [json.loads(line) for line in chunk.read_text().splitlines()]
        kept = [json.dumps(event) for event in events if event["event"] != "closed"]
        chunk.unlink()
        chunk.with_name(f"00000001-{len(kept):08d}.jsonl").write_text("\n".join(kept) + "\n")


def test_the_history_server_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On YARN, the application's UI ends with it, and the link leads to the history server."""
    facts = {"application": "a", "master": "m", "ui": None, "history": "http://history:18080"}
    monkeypatch.setattr("airflow_sparktune.driver.engines.application.describe", lambda _: facts)
    study = search(tmp_path / "study", max_evals=1)
    spark = study.attempts[0].spark
    assert spark is not None
    assert spark.history == "http://history:18080"


def test_finished_trials_of_a_cleared_study_are_taken_over(tmp_path: Path) -> None:
    older = search(tmp_path / "g0", max_evals=3)
    cut_off(tmp_path / "g0")
    newer = search(tmp_path / "g1", max_evals=5)
    assert len(newer.trials) == 5
    assert [newer.trials[number].params for number in range(3)] == [
        older.trials[number].params for number in range(3)
    ]
    assert [trial.origin for trial in newer.trials.values()].count(TrialOrigin.ADOPTED) == 3


def test_a_stop_request_ends_the_study_with_its_result_so_far(tmp_path: Path) -> None:
    folder = tmp_path / "study"

    def ask(*_: Any) -> tuple[bool, list[Any]]:
        request_stop(LocalStorage(folder), attempt=1, by="somebody")
        return False, []

    study = search(folder, max_evals=100_000, early_stop_fn=ask)
    assert study.closed is not None
    assert study.closed.reason is StopReason.STOPPED
    assert study.result_stands
