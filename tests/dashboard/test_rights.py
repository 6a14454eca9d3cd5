"""The rights that Airflow's auth manager gives: by DAG, by task instance, by team."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi import app
from airflow.models.dag import DagModel
from fastapi import HTTPException

from airflow_sparktune.dashboard.browse.rights import AirflowRights, airflow_rights
from tests.dashboard.helpers.pages import client_of
from tests.dashboard.helpers.synthetic import Writer

TEAMS = {"churn": "growth", "fraud": "risk"}


class Manager:
    """An auth manager with rights per DAG; keeps the questions. Other methods of Airflow's are not used."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def get_authorized_dag_ids(self, *, user: str, method: str = "GET") -> set[str]:
        return {"churn", "fraud", "open"}

    def is_authorized_dag(self, *, method: str, access_entity: Any, details: Any, user: str) -> bool:
        self.asked.append((method, access_entity.value, details.id, details.team_name, user))
        return details.id != "fraud"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    manager = Manager()
    monkeypatch.setattr(app, "get_auth_manager", lambda: manager)

    def teams(dag_ids: Collection[str]) -> dict[str, str]:
        return {dag_id: TEAMS[dag_id] for dag_id in dag_ids if dag_id in TEAMS}

    monkeypatch.setattr(DagModel, "get_dag_id_to_team_name_mapping", teams)
    return manager


def test_each_dag_is_checked_for_its_task_instances_with_its_team(manager: Manager) -> None:
    rights = AirflowRights("ada")

    assert rights.dag_ids() == {"churn", "fraud", "open"}
    assert rights.may_read(["churn", "fraud", "open"]) == {"churn", "open"}
    assert manager.asked == [
        ("GET", "TASK_INSTANCE", "churn", "growth", "ada"),
        ("GET", "TASK_INSTANCE", "fraud", "risk", "ada"),
        ("GET", "TASK_INSTANCE", "open", None, "ada"),
    ]


def test_the_browser_shows_a_user_of_airflow_the_dags_with_both_rights(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.core_api import security

    async def user_of(token: str | None) -> str:
        if token != "valid":
            raise HTTPException(401, "Not authenticated")
        return "ada"

    monkeypatch.setattr(security, "resolve_user_from_token", user_of)
    for dag_id in ("churn", "fraud", "secret"):
        writer = Writer(str(tmp_path / dag_id / "tune" / "r1" / "g0"))
        writer.open(max_evals=3)
        writer.run(3)
        writer.close()
    client = client_of(tmp_path, rights=airflow_rights())

    for path in ("/", "/studies", "/compare/", "/static/studies.js"):
        assert client.get(path).status_code == 401
    answer = client.get("/studies", headers={"Authorization": "Bearer valid"})

    _, row, end = map(json.loads, answer.text.splitlines())
    assert (row["dag_id"], end["end"]) == ("churn", True)
    assert [asked[2] for asked in manager.asked] == ["churn", "fraud"]  # `open` has no studies
