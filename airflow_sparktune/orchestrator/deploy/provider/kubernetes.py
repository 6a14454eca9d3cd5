"""End a driver on Kubernetes."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook

    from airflow_sparktune.orchestrator.deploy.job import Submission


def delete_driver(hook: SparkSubmitHook, submission: Submission | None) -> None:
    """Delete the driver's pod, with which its executors end.

    Airflow's client may be set up for another cluster, or not at all, or be too new for the provider.
    spark-submit has created the pod, so it can delete it, too, if this process has the `submission`.
    """
    from airflow.providers.cncf.kubernetes import kube_client

    from airflow_sparktune.orchestrator.deploy.process import end_family, family

    end_family(family(hook._submit_sp.pid if hook._submit_sp is not None else None))  # it creates no pod then
    pod = hook._kubernetes_driver_pod
    if pod is None:
        return
    settings = submission.conf if submission is not None else {}
    namespace = hook._connection["namespace"] or settings.get("spark.kubernetes.namespace") or "default"
    try:
        kube_client.get_kube_client().delete_namespaced_pod(pod, namespace)
    except Exception as error:  # noqa: BLE001 - errors differ by release
        if submission is None:
            hook.log.error("the pod %s:%s must be deleted by hand: %s", namespace, pod, error)
            return
        hook.log.info(
            "Airflow's Kubernetes client cannot delete the pod %s (%s); Spark's is used", pod, error
        )
        _delete_by_spark(hook, submission, f"{namespace}:{pod}")
    else:
        hook.log.info("deleted the driver's pod %s", pod)


def _delete_by_spark(hook: SparkSubmitHook, submission: Submission, pod: str) -> None:
    target = submission.target
    where = ["--master", target.master, "--properties-file", str(submission.properties)]
    done = subprocess.run(
        [target.binary, *where, "--kill", pod],
        env={**os.environ, **submission.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        start_new_session=True,  # it goes on if this task is killed
    )
    hook.log.info("spark-submit --kill has ended with exit code %d: %s", done.returncode, done.stdout[-2000:])
