"""The images on a stand-in for Kubernetes whose pods are containers of the stack's engine."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator

import pytest

from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.trial import TrialState
from tests.containers.engine import docker
from tests.containers.stack import PROJECT, Stack, timed
from tests.integration.airflow_site import wait_for
from tests.kubernetes.rights import rights
from tests.kubernetes.stand_in.cluster import Cluster, running_cluster
from tests.kubernetes.stand_in.containers import Containers
from tests.kubernetes.stand_in.given import TOKEN_FOLDER

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.containers, pytest.mark.integration, pytest.mark.timeout(900)]

STUDIES = "s3://sparktune/studies/in_pods"


def may(_: str, resource: str, verb: str) -> bool:
    """Return whether a role has a right: client mode needs the driver's, beside the task."""
    return any((resource, verb) in granted for granted in rights().values())


@pytest.fixture(scope="module")
def pods(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a cluster in the stack's network, and let the scheduler's container be one of its pods."""
    folder = tmp_path_factory.mktemp("kubernetes")
    runtime = Containers(f"{PROJECT}_default", "10.213.0.0/16")
    with running_cluster(folder, lambda *_: runtime, may=may, gateway=runtime.gateway) as cluster:
        for name, data in {
            "billing": {"password": "hunter2"},
            "studies": {"id": "sparktune", "key": stack.secrets["S3_SECRET_KEY"]},
        }.items():
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
            cluster.add("secrets", "spark", name, data=encoded)
        _mount_identity(stack, cluster)
        yield cluster


def _mount_identity(stack: Stack, cluster: Cluster) -> None:
    """Put a service account's files where Kubernetes mounts them into a pod."""
    folder = cluster.folder / "identity"
    folder.mkdir()
    (folder / "token").write_text(cluster.token)
    (folder / "namespace").write_text("airflow")
    (folder / "ca.crt").write_bytes(cluster.certificate.read_bytes())
    scheduler = stack.container("scheduler")["Id"]
    docker("exec", "--user", "0", scheduler, "mkdir", "-p", TOKEN_FOLDER)
    docker("cp", f"{folder}/.", f"{scheduler}:{TOKEN_FOLDER}")


@pytest.mark.usefixtures("keys")
def test_drivers_and_executors_are_containers(stack: Stack, pods: Cluster) -> None:
    """In client mode, the driver is beside the task. Trials report to it; one executor is killed."""
    run = stack.airflow.trigger("in_pods")
    with timed("the driver's container runs"):
        driver = pods.wait_for_pod("driver")
    with timed("an executor's container runs"):
        executor = pods.wait_for_pod("executor")
    wait_for(
        lambda: read_study(f"{STUDIES}/cluster/r1/g0").study.finished,
        lambda finished: finished >= 2,
        what="two trials",
        within_s=240,
    )
    pods.kubelet.kill(executor)
    for mode, trials in (("cluster", 24), ("client", 8)):
        with timed(f"the study in {mode} mode has ended"):
            run.wait("success", "failed", "upstream_failed", task=mode, within_s=300, every_s=1)
        assert run.state(task=mode) == "success", f"{run.log(mode)[-9000:]}\n{pods.outputs()}"
        study = read_study(f"{STUDIES}/{mode}/r1/g0").study
        assert sorted(study.trials) == list(range(trials))
        # Only a trial whose report has reached the driver ends early.
        assert {trial.state for trial in study.trials.values()} == {TrialState.OK, TrialState.PRUNED}
        assert run.xcom(task=mode) == study.best.params
    log.info("the driver's pod said:\n%s", pods.output(driver)[-4000:])
    assert pods.output(driver)


def test_no_container_is_left(pods: Cluster) -> None:
    pods.clear()
    label = ("ps", "--all", "--quiet", "--filter", "label=sparktune-stand-in=kubernetes")
    wait_for(lambda: docker(*label), lambda left: not left, what="no container to be left", within_s=60)
