"""Airflow's simple auth manager with one user who may read no DAG."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class PickyAuthManager(SimpleAuthManager):
    def is_authorized_dag(self, *, user: Any, **asked: Any) -> bool:
        return user.username != "stranger" and super().is_authorized_dag(user=user, **asked)
