"""The address of a task instance's study, which ends with its generation.

Retries of a task share a generation; a clear starts the next one. A deleted DAG run may be triggered again
under its id. Its task must not find the old studies, but they are in the folder of that id. Airflow's task
state store is deleted with the run and shared by retries, so a token in it, and its copy beside the studies,
tell the two runs apart.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass

from airflow.sdk import Context
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_sparktune.orchestrator.task.instance import airflow_task_of
from airflow_sparktune.orchestrator.task.storage import share_storage, storage_root
from airflow_sparktune.study.address import instance_folder, split, task_folder
from airflow_sparktune.study.files.airflow_task import write_task
from airflow_sparktune.study.files.generations import Owner, generations, read_owner, write_owner
from airflow_sparktune.study.segments.application import has_verdict

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


def begin_study(context: Context, address: str, storage: str | None) -> None:
    """Make the study at `address` that of the task, for its retries, its page and its readers."""
    context["ti"].xcom_push(key="study", value=address)
    share_storage(storage)
    claim(context, address)
    write_task(address, airflow_task_of(context))
