"""The storage root of a task's studies."""

from __future__ import annotations

import logging
from pathlib import Path

from airflow.configuration import AIRFLOW_HOME
from airflow.sdk.configuration import conf

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.storage import share

log = logging.getLogger(__name__)


def default_storage() -> str:
    """Return `[sparktune] storage`, or the folder sparktune in AIRFLOW_HOME."""
    return conf.get("sparktune", "storage", fallback="") or str(Path(AIRFLOW_HOME, "sparktune"))


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
