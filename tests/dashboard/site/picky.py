"""Airflow's simple auth manager with one user who may read no DAG, and one who may edit all."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class PickyAuthManager(SimpleAuthManager):
    def is_authorized_dag(self, *, user: Any, **asked: Any) -> bool:
        if user.username in ("stranger", "editor"):
            return bool(user.username == "editor")
        return super().is_authorized_dag(user=user, **asked)
