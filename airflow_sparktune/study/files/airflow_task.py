"""`airflow.json`: the task instance of a study, for readers outside that task."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.address import folder_of
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.segments.application import application_above
from airflow_sparktune.study.storage import Storage, open_storage

NAME = "airflow.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowTask(JsonObject):
    """A task instance. `map_index` is -1 if the task is not mapped; `url` is the instance's page in Airflow.

    >>> task = AirflowTask(dag_id="churn", task_id="tune", run_id="r1", map_index=3)
    >>> task.name, task.run
    ('churn.tune', 'r1[3]')
    """

    WHAT: ClassVar[str] = "a task instance"

    dag_id: str = stored(shape.words)
    task_id: str = stored(shape.words)
    run_id: str = stored(shape.words)
    map_index: int = stored(lambda value: type(value) is int, default=-1, required=True)
    url: str | None = stored(shape.words, default=None)

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

    It is the parent folder of a study outside Airflow, else `<task>` of `<task>/<run>[/<map index>]/g<n>`. A
    segment's study has that of its application.
    """
    address = application_above(address) or address
    task, folder = task_in(open_storage(address), address), folder_of(address)
    if task is None:
        return folder
    return folder_of(folder if task.map_index < 0 else folder_of(folder))


def write_task(address: str, task: AirflowTask) -> None:
    """Write the study's task into its folder, replacing an earlier file."""
    open_storage(address).write(NAME, json.dumps(task.to_json(), indent=2).encode())


def read_task(address: str) -> AirflowTask | None:
    """Return the study's task, or None if no Airflow task has started the study. Raises StorageError.

    The task of a segment's study is that of its application.
    """
    address = application_above(address) or address
    return task_in(open_storage(address), address)


def task_in(storage: Storage, address: str) -> AirflowTask | None:
    """Return the task of the study in a storage, as `read_task` does."""
    try:
        return AirflowTask.from_json(decoded(storage.read(NAME)))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StorageError(
            f"{NAME} must hold the fields of a task instance, got ({error}) at {address}; remove that file"
        ) from error
