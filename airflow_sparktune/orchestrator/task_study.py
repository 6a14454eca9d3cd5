"""The study of a task instance: its address, its generation, and the code beside its DAG."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.configuration import AIRFLOW_HOME
from airflow.sdk.configuration import conf

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.address import study_address, task_folder
from airflow_sparktune.study.airflow_task import AirflowTask
from airflow_sparktune.study.storage import share

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


def default_storage() -> str:
    """Return `[sparktune] storage`, or the folder sparktune in AIRFLOW_HOME."""
    return conf.get("sparktune", "storage", fallback="") or str(Path(AIRFLOW_HOME, "sparktune"))


def generation_of(context: Context) -> int:
    """Return how often the task was cleared. Airflow raises max_tries on a clear, but not on a retry."""
    retries = context["task"].retries or 0
    return max(context["ti"].max_tries - retries, 0)


def moment_of(context: Context) -> float | None:
    """Return the time of the data that a run is about, in seconds since 1970, or None if it has none.

    It is the end of the run's data interval, else its logical date, else the time after which it may run. A
    clear changes none of them. A run that assets have triggered has only the last one.
    """
    due = getattr(context.get("dag_run"), "run_after", None)
    for found in (context.get("data_interval_end"), context.get("logical_date"), due):
        if found is not None:
            return float(found.timestamp())
    return None


def storage_root(storage: str | None) -> str:
    """Return the storage root; raises SpecError if it is a relative path."""
    root = storage or default_storage()
    if "://" not in root and not Path(root).is_absolute():
        raise SpecError(
            f"storage must be a URL or an absolute path, got {root!r}; "
            "the Spark driver and the API server run in other working directories"
        )
    return root


def share_storage(storage: str | None) -> None:
    """Let `[sparktune] storage_group` read a local storage; raises StorageError if that fails."""
    group, root = conf.get("sparktune", "storage_group", fallback=""), storage_root(storage)
    if group and ("://" not in root or root.startswith("file://")):
        share(root.removeprefix("file://"), group)


def champions_of(context: Context, storage: str | None) -> str:
    """Return the folder that holds the task's studies and the record of its champions."""
    ti = context["ti"]
    return task_folder(storage_root(storage), dag_id=ti.dag_id, task_id=ti.task_id)


def address_of(context: Context, storage: str | None) -> str:
    """Return the study's folder; raises SpecError as `storage_root` does."""
    ti = context["ti"]
    map_index = ti.map_index if ti.map_index is not None else -1
    return study_address(
        storage_root(storage),
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=map_index,
        generation=generation_of(context),
    )


def airflow_task_of(context: Context) -> AirflowTask:
    """Return the task instance with its page in Airflow, for readers outside Airflow."""
    ti = context["ti"]
    url = getattr(ti, "log_url", None)  # missing in `dag.test()`
    return AirflowTask(
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=ti.map_index if ti.map_index is not None else -1,
        url=url.partition("?")[0] if url else None,
    )


def warn_of_local_storage(address: str, *, in_cluster: bool) -> None:
    """Warn if the driver, or a retry on another machine, may not find the study."""
    if "://" in address and not address.startswith("file://"):
        return
    if in_cluster:
        log.warning(
            "the study is in a local folder (%s), but the driver runs in the cluster and fails unless it "
            "reaches that folder; set [sparktune] storage to a folder that both reach, or to a URL",
            address,
        )
    executor = conf.get("core", "executor", fallback="LocalExecutor")
    if not all(name.strip().endswith("LocalExecutor") for name in executor.split(",")):
        log.warning(
            "the study is in a local folder (%s), and the executor is %s: unless all workers share the "
            "folder, a retry on another worker starts over; set [sparktune] storage to a shared one",
            address,
            executor,
        )


def code_bases(context: Context) -> Iterator[Path]:
    """Yield the folders to search for modules: the DAG file's folder, then its ancestors on sys.path."""
    dag_file = Path(context["dag"].fileloc)
    yield dag_file.parent
    for entry in sys.path:
        folder = Path(entry or ".").resolve()
        if folder in dag_file.resolve().parents and folder != dag_file.parent:
            yield folder
