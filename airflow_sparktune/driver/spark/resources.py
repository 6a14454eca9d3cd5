"""The cores and GPUs of a trial, as settings of the application.

An application runs the trials of one spec, so its own settings are the resource profile of all of them. Every
release and every master has these, with and without dynamic allocation; a profile beside them would have
executors of its own there, or be refused.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Mapping

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.study.definition.execution import TrialResources

log = logging.getLogger(__name__)

TASK_CPUS, TASK_GPUS = "spark.task.cpus", "spark.task.resource.gpu.amount"
EXECUTOR_CORES, EXECUTOR_GPUS = "spark.executor.cores", "spark.executor.resource.gpu.amount"
DISCOVERY_SCRIPT = "spark.executor.resource.gpu.discoveryScript"
DISCOVERY_PLUGIN = "spark.resources.discoveryPlugin"

# The masters that run trials in the driver's JVM; with `*`, on all cores.
_LOCAL = re.compile(r"local(\[(?P<cores>\d+|\*)(, *\d+)?\])?")


def task_settings(wanted: TrialResources, given: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that give each trial what is wanted, beside the `given` ones.

    Raises PlatformError for what this master or these executors cannot give: Spark would start, and wait for
    ever.
    """
    settings = {TASK_CPUS: str(wanted.cpus)}
    if wanted.gpus:
        settings[TASK_GPUS] = str(wanted.gpus)
    for name in (TASK_CPUS, TASK_GPUS):
        if given.get(name, settings.get(name)) != settings.get(name):
            raise PlatformError(
                f"{name} must be left to execution.trial_resources, got {given[name]} in Spark's settings "
                f"and {settings.get(name, 'none')} there; remove it from conf"
            )
    master = given.get("spark.master", "")
    managed, local = master.startswith(("yarn", "k8s")), _LOCAL.fullmatch(master)
    if managed and EXECUTOR_CORES not in given:
        settings[EXECUTOR_CORES] = str(wanted.cpus)  # Spark's default is one core
    cores = given.get(EXECUTOR_CORES, "") if local is None else _local_cores(local["cores"])
    if cores.isdecimal() and int(cores) < wanted.cpus:
        raise PlatformError(
            f"an executor must have the cores of a trial, got {cores} on {master} and the cpus {wanted.cpus} "
            f"in execution.trial_resources; raise {EXECUTOR_CORES}, or N of a master local[N], or give a "
            "trial fewer"
        )
    if wanted.gpus:
        if local is not None:
            raise PlatformError(
                f"the gpus of execution.trial_resources must go with a cluster, got the master {master}, "
                "which gives tasks no GPUs; leave them out: a trial here sees all GPUs of the machine"
            )
        _require_gpus(wanted, given, managed=managed)
        log.info(
            "each trial has GPUs, so it gets a new Python process: CUDA keeps the devices and the memory "
            "of a process until it ends"
        )
    return settings


def _local_cores(written: str | None) -> str:
    return str(os.cpu_count()) if written == "*" else written or "1"


def _require_gpus(wanted: TrialResources, given: Mapping[str, str], *, managed: bool) -> None:
    amount, least = given.get(EXECUTOR_GPUS, "none"), math.ceil(wanted.gpus)
    if not amount.isdecimal() or int(amount) < least:
        raise PlatformError(
            f"{EXECUTOR_GPUS} must be at least the gpus of execution.trial_resources, got {amount} and "
            f"{wanted.gpus}; set it in conf to the number of GPUs of an executor"
        )
    if managed and DISCOVERY_SCRIPT not in given and DISCOVERY_PLUGIN not in given:
        raise PlatformError(
            f"{DISCOVERY_SCRIPT} must name a script on the executors that prints their GPUs, got none; set "
            "it in conf (Spark's examples have getGpusResources.sh)"
        )
