"""The rights that Airflow's auth manager gives: by DAG, by task instance, by team."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from airflow.api_fastapi import app
from airflow.models.dag import DagModel

from airflow_sparktune.dashboard.browse.rights import AirflowRights

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
