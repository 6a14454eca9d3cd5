"""The browser of all studies: its rows, and whose they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from tests.dashboard.helpers.pages import Granted, client_of
from tests.dashboard.helpers.synthetic import Writer


def tuning(root: Path, dag_id: str, run: str = "r1", *, trials: int = 3) -> None:
    writer = Writer(str(root / dag_id / "tune" / run / "g0"))
    writer.open(max_evals=trials)
    writer.run(trials)
    writer.close()


def rows_of(client: TestClient) -> list[dict[str, Any]]:
    """Return the rows of the browser; checks that the last line ends the answer."""
    answer = client.get("/studies")
    assert answer.headers["content-type"] == "application/x-ndjson"
    *rows, end = map(json.loads, answer.text.splitlines())
    assert end["end"]
    return rows


def test_each_task_has_a_row_with_its_last_study(client: TestClient, tmp_path: Path) -> None:
    tuning(tmp_path, "churn", "r1", trials=3)
    tuning(tmp_path, "churn", "r2", trials=4)
    tuning(tmp_path, "fraud", trials=5)

    rows = rows_of(client)

    assert [(row["dag_id"], row["task_id"], row["studies"]) for row in rows] == [
        ("churn", "tune", 2),
        ("fraud", "tune", 1),
    ]
    assert [(row["last"]["run_id"], row["last"]["trials"]) for row in rows] == [("r2", 4), ("r1", 5)]
    assert [study["run_id"] for study in rows[0]["recent"]] == ["r1", "r2"]


def test_only_dags_whose_task_instances_the_user_may_read_are_shown(tmp_path: Path) -> None:
    for dag_id in ("churn", "fraud", "secret"):
        tuning(tmp_path, dag_id)

    client = client_of(tmp_path, rights=lambda: Granted({"churn", "fraud"}, without_instances={"fraud"}))

    assert [row["dag_id"] for row in rows_of(client)] == ["churn"]


def test_the_pages_and_their_files_are_served(client: TestClient) -> None:
    assert "studies.js" in client.get("/").text
    assert "compare.js" in client.get("/compare/").text
    assert client.get("/static/studies.js").status_code == 200
    assert client.get("/static/studies.html").status_code == 404
