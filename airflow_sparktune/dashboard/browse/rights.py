"""The rights of a user: the DAGs whose studies the browser shows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends


class Rights(Protocol):
    """The rights of one user. Both calls may be slow, so they run in the page's own threads."""

    def dag_ids(self) -> Collection[str]:
        """Return the ids of the DAGs that the user may read."""

    def may_read(self, dag_ids: Collection[str]) -> Collection[str]:
        """Return those of `dag_ids` whose task instances the user may read."""


@dataclass(frozen=True, slots=True)
class AirflowRights:
    """The rights that Airflow's auth manager gives to `user`."""

    user: Any

    def dag_ids(self) -> Collection[str]:
        """Return the DAGs in Airflow's database that the user may read."""
        from airflow.api_fastapi.app import get_auth_manager

        found: set[str] = get_auth_manager().get_authorized_dag_ids(user=self.user)
        return found

    def may_read(self, dag_ids: Collection[str]) -> Collection[str]:
        """Return the DAGs that pass the check of Airflow's own routes for task instances, with their team.

        One by one, because `batch_is_authorized_dag` returns one answer for all.
        """
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
        from airflow.models.dag import DagModel

        manager, wanted = get_auth_manager(), list(dag_ids)
        teams = DagModel.get_dag_id_to_team_name_mapping(wanted)
        return {
            dag_id
            for dag_id in wanted
            if manager.is_authorized_dag(
                method="GET",
                access_entity=DagAccessEntity.TASK_INSTANCE,
                details=DagDetails(id=dag_id, team_name=teams.get(dag_id)),
                user=self.user,
            )
        }


def airflow_rights() -> Callable[..., Any]:
    """Return a dependency that returns the rights of the user who has logged in, and raises for others."""
    from airflow.api_fastapi.core_api.security import get_user

    async def rights(user: Annotated[Any, Depends(get_user)]) -> Rights:
        return AirflowRights(user)

    # FastAPI resolves annotations in the module's namespace, where get_user must not be imported.
    rights.__annotations__ = {"user": Annotated[Any, Depends(get_user)], "return": Rights}
    return rights
