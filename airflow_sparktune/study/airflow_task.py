"""`airflow.json`: the task instance of a study, for readers outside that task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.address import folder_of
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.storage import open_storage

NAME = "airflow.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowTask:
    """A task instance. `map_index` is -1 if the task is not mapped; `url` is the instance's page in Airflow.

    >>> task = AirflowTask(dag_id="churn", task_id="tune", run_id="r1", map_index=3)
    >>> task.name, task.run
    ('churn.tune', 'r1[3]')
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int = -1
    url: str | None = None

    @property
    def name(self) -> str:
        """Return the name of the task, which is the same in every run."""
        return f"{self.dag_id}.{self.task_id}"

    @property
    def run(self) -> str:
        """Return the run's id, with the map index if the task is mapped."""
        return f"{self.run_id}[{self.map_index}]" if self.map_index >= 0 else self.run_id


def task_folder_of(address: str) -> str:
    """Return the folder of a study's task, which holds its record of champions. Raises StorageError.

    It is the parent folder of a study outside Airflow, else `<task>` of `<task>/<run>[/<map index>]/g<n>`.
    """
    task, folder = read_task(address), folder_of(address)
    if task is None:
        return folder
    return folder_of(folder if task.map_index < 0 else folder_of(folder))


def write_task(address: str, task: AirflowTask) -> None:
    """Write the study's task into its folder, replacing an earlier file."""
    open_storage(address).write(NAME, json.dumps(asdict(task), indent=2).encode())


def read_task(address: str) -> AirflowTask | None:
    """Return the study's task, or None if no Airflow task has started the study. Raises StorageError."""
    try:
        data = decoded(open_storage(address).read(NAME))
        return AirflowTask(**shape.require(_TASK, data, what="a task instance"))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise StorageError(
            f"{NAME} must hold the fields of a task instance, got ({error}) at {address}; remove that file"
        ) from error


_TASK: Mapping[str, shape.Fits] = {
    "dag_id": shape.words,
    "task_id": shape.words,
    "run_id": shape.words,
    "map_index": lambda value: type(value) is int,
    "url": shape.optional(shape.words),
}
