"""The study of a task instance: its address, generation and segment, and the code beside its DAG.

Retries of a task share a generation; a clear starts the next one. A deleted DAG run may be triggered again
under its id. Its task must not find the old studies, but they are in the folder of that id. Airflow's task
state store is deleted with the run and shared by retries, so a token in it, and its copy beside the studies,
tell the two runs apart.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.configuration import AIRFLOW_HOME
from airflow.sdk.configuration import conf
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.address import instance_folder, split, task_folder
from airflow_sparktune.study.airflow_task import AirflowTask, write_task
from airflow_sparktune.study.application import has_verdict
from airflow_sparktune.study.generations import Owner, generations, read_owner, write_owner
from airflow_sparktune.study.storage import share

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

# The key in the task's state store.
_KEY = "study"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The content of the task state store: the run's token, and the generation of the last try.

    A clear sets max_tries again, a retry does not. The new value may be the old one, if the task
    has fewer retries than before; then `clears` tells, the number of clears of any tasks in the run.
    """

    token: str
    generation: int
    max_tries: int
    clears: int


def default_storage() -> str:
    """Return `[sparktune] storage`, or the folder sparktune in AIRFLOW_HOME."""
    return conf.get("sparktune", "storage", fallback="") or str(Path(AIRFLOW_HOME, "sparktune"))


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
    folder = instance_folder(
        storage_root(storage), dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=map_index
    )
    return f"{folder}/g{generation_of(context, folder)}"


def generation_of(context: Context, folder: str) -> int:
    """Return the generation of the task instance whose studies are in `folder`; writes nothing."""
    known, owner = _known(context), read_owner(folder)
    if context.get("task_state_store") is None or (known is None and owner is None):
        return max(context["ti"].max_tries - (context["task"].retries or 0), 0)
    if known is None:
        return max(generations(folder), default=-1) + 1
    ours = owner is None or owner.token == known.token
    if ours and not _was_cleared(context, known, f"{folder}/g{known.generation}"):
        return known.generation
    return max([known.generation, *generations(folder)]) + 1


def _was_cleared(context: Context, known: _Known, address: str) -> bool:
    """Return whether the task was cleared since its last try, whose study is at `address`."""
    if context["ti"].max_tries != known.max_tries:
        return True
    # The clear of an unfinished study needs no other generation: the next one would take over its trials.
    return clears_of(context) != known.clears and has_verdict(address)


def claim(context: Context, address: str) -> None:
    """Record that the task instance's study is the one at `address`, so that its retries continue it."""
    store, own = context.get("task_state_store"), split(address)
    if store is None or own is None:
        return
    (folder, generation), known = own, _known(context)
    token = known.token if known is not None else secrets.token_hex(16)
    record = _Known(
        token=token, generation=generation, max_tries=context["ti"].max_tries, clears=clears_of(context)
    )
    # First here: a task that dies before the copy is written finds its own record again.
    store.set(_KEY, asdict(record), retention=NEVER_EXPIRE)
    owner = read_owner(folder)
    if owner is None or owner.token != token:
        write_owner(folder, Owner(token=token, first=0 if owner is None else generation))


def _known(context: Context) -> _Known | None:
    store = context.get("task_state_store")
    match store.get(_KEY) if store is not None else None:
        case {
            "token": str(token),
            "generation": int(generation),
            "max_tries": int(max_tries),
            "clears": int(clears),
        }:
            return _Known(token=token, generation=generation, max_tries=max_tries, clears=clears)
    return None


def clears_of(context: Context) -> int:
    """Return how often any tasks of the run were cleared."""
    return getattr(context.get("dag_run"), "clear_number", None) or 0


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


def begin_study(context: Context, address: str, storage: str | None) -> None:
    """Make the study at `address` that of the task, for its retries, its page and its readers."""
    context["ti"].xcom_push(key="study", value=address)
    share_storage(storage)
    claim(context, address)
    write_task(address, airflow_task_of(context))


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


def code_bases(context: Context) -> tuple[Path, ...]:
    """Return the folders to search for the modules of a task."""
    return folders_of(Path(context["dag"].fileloc))


def folders_of(dag_file: Path) -> tuple[Path, ...]:
    """Return the folders to search for modules: the DAG file's folder, then its ancestors on sys.path."""
    return _folders_of(dag_file, tuple(sys.path))


@lru_cache(maxsize=8)  # a DAG file may have hundreds of tasks
def _folders_of(dag_file: Path, entries: tuple[str, ...]) -> tuple[Path, ...]:
    above = dag_file.resolve().parents
    folders = (Path(entry or ".").resolve() for entry in entries)
    return (dag_file.parent, *(each for each in folders if each in above and each != dag_file.parent))


def segment_of(context: Context, given: str | None, arguments: dict[str, Any]) -> str | None:
    """Return the given name, or a digest of the mapped arguments; None if the task is not mapped.

    The map index is no part of it: lists change their order and length, and a champion must stay with its
    segment. `arguments` are those of this instance by name.
    """
    if given is not None:
        return given
    index = context["ti"].map_index
    if index is None or index < 0:
        return None
    mapped = _mapped(context, arguments)
    text = json.dumps(mapped, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _mapped(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that the DAG maps, i.e. those that differ between instances."""
    task = context["dag"].task_dict.get(context["ti"].task_id)  # as parsed, before its expansion
    fixed = getattr(task, "partial_kwargs", {})
    mapped = {name: value for name, value in arguments.items() if name not in fixed and value is not None}
    if "op_kwargs" in arguments:  # a decorated task: one dict of arguments that are mapped individually
        common = fixed.get("op_kwargs") or {}
        mapped["op_kwargs"] = {
            name: value for name, value in (arguments["op_kwargs"] or {}).items() if name not in common
        }
    return mapped
