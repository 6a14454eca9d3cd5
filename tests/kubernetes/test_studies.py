"""Studies on a stand-in for Kubernetes whose pods are processes: from a real Airflow, and from the shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialState
from tests.integration.airflow_site import Run, Site, standalone, wait_for
from tests.kubernetes.rights import rights
from tests.kubernetes.settings import LABEL, write_settings
from tests.kubernetes.stand_in.cluster import USER, Cluster

DAGS = Path(__file__).parent / "dags"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def conf(kubernetes: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_settings(kubernetes, tmp_path_factory.mktemp("settings"))


@pytest.fixture(scope="module")
def site(kubernetes: Cluster, conf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run an Airflow with a connection for each namespace."""
    home = tmp_path_factory.mktemp("airflow")
    host, _, port = kubernetes.master.rpartition(":")
    connection = {"conn_type": "spark", "host": host, "port": int(port)}
    connections = {
        f"AIRFLOW_CONN_KUBERNETES_{name.upper()}": json.dumps({**connection, "extra": extra})
        for name, extra in {
            "default": {"deploy-mode": "cluster"},
            "spark": {"deploy-mode": "cluster", "namespace": "spark"},
        }.items()
    }
    environment = {
        **connections,
        "NOTES": str(home),
        "SPARK_CONF_DIR": str(conf),
        "AIRFLOW__SPARKTUNE__STORAGE": str(home / "studies"),
        "AIRFLOW__KUBERNETES_EXECUTOR__IN_CLUSTER": "False",
        "AIRFLOW__KUBERNETES_EXECUTOR__CONFIG_FILE": str(kubernetes.kubeconfig),
    }
    with standalone(home, bundles={"kubernetes": DAGS}, environment=environment) as site:
        yield site


@pytest.fixture(autouse=True)
def empty(kubernetes: Cluster) -> None:
    """Begin each test without pods."""
    kubernetes.clear()


def study(run: Run) -> Study:
    storage = str(run.site.home / "studies")
    return read_study(study_address(storage, dag_id=run.dag, task_id="tune", run_id=run.run)).study


def wait_for_trials(run: Run, count: int, kubernetes: Cluster) -> None:
    """Wait until this many trials have finished."""
    try:
        wait_for(
            lambda: study(run).finished,
            lambda finished: finished >= count,
            what=f"{count} trials of {run.dag}",
            within_s=180,
        )
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{run.log()[-6000:]}\n{kubernetes.outputs()}") from None


def check(run: Run, kubernetes: Cluster, *, attempts: int, tries: int) -> None:
    """Check that a run has ended with all of its trials, each once."""
    run.wait("success", "failed", within_s=240)
    after = study(run)
    assert run.state() == "success", f"{run.log(attempt=run.tries())[-9000:]}\n{kubernetes.outputs()}"
    assert sorted(after.trials) == list(range(24))
    assert all(trial.state is TrialState.OK for trial in after.trials.values())
    assert (len(after.attempts), run.tries()) == (attempts, tries)
    assert run.xcom() == after.best.params


def test_an_executor_is_evicted_and_the_api_is_away(site: Site, kubernetes: Cluster) -> None:
    """The study goes on in the namespace `default`, also after all watches were cut."""
    run = site.trigger("plain")
    wait_for_trials(run, 3, kubernetes)
    (driver,) = kubernetes.pods("driver", "default")
    first, *_ = executors = kubernetes.pods("executor", "default", phase="Running")
    for pod in (driver, *executors):
        assert LABEL.items() <= pod["metadata"]["labels"].items()
        assert pod["spec"]["containers"][0]["imagePullPolicy"] == "Never"
    assert driver["spec"]["serviceAccountName"] == "spark"
    kubernetes.kubelet.evict(first)
    # While the API is away, Spark would count each attempt to create an executor as a failed one, and end the
    # driver after four.
    before = {pod["metadata"]["name"] for pod in executors}
    wait_for(
        lambda: {pod["metadata"]["name"] for pod in kubernetes.pods("executor", "default", phase="Running")},
        lambda names: bool(names - before),
        what="another executor",
        within_s=60,
    )
    kubernetes.cut_watches()
    with kubernetes.away():
        time.sleep(5)
    check(run, kubernetes, attempts=1, tries=1)
    assert first["metadata"]["name"] not in {
        pod["metadata"]["name"] for pod in kubernetes.pods("executor", "default", phase="Running")
    }


def test_the_airflow_worker_is_killed(site: Site, kubernetes: Cluster) -> None:
    """The driver goes on; the retry finds it again through the API, though that was away for a while."""
    run = site.trigger("tracked")
    wait_for_trials(run, 3, kubernetes)
    (driver,) = kubernetes.pods("driver")
    os.kill(int((site.home / "tracked").read_text()), signal.SIGKILL)
    wait_for(run.tries, lambda tries: tries == 2, what="the retry", within_s=120)
    check(run, kubernetes, attempts=1, tries=2)
    assert driver["metadata"]["name"] in run.log(attempt=2)


def test_the_drivers_pod_is_deleted(site: Site, kubernetes: Cluster) -> None:
    """Its executors go with it, and the retry continues the study."""
    run = site.trigger("deleted")
    wait_for_trials(run, 5, kubernetes)
    (driver,) = kubernetes.pods("driver")
    kubernetes.delete(driver)
    check(run, kubernetes, attempts=2, tries=2)


def test_marked_failed(site: Site, kubernetes: Cluster) -> None:
    """Driver and executors end, though Airflow's own client has lost its configuration."""
    run = site.trigger("killed")
    wait_for_trials(run, 1, kubernetes)
    away = kubernetes.kubeconfig.rename(kubernetes.folder / "elsewhere.json")
    try:
        run.mark_failed()
        wait_for(
            lambda: kubernetes.pods("driver") + kubernetes.pods("executor"),
            lambda pods: not pods,
            what="no pods to be left",
            within_s=90,
        )
    finally:
        away.rename(kubernetes.folder / "kubeconfig.json")


def test_an_image_that_cannot_be_pulled(site: Site, kubernetes: Cluster) -> None:
    """The task's log has the reason, and its timeout leaves no pod behind."""
    run = site.trigger("no_image")
    run.wait("success", "failed", within_s=180)
    assert run.state() == "failed"
    assert "pending reason: ImagePullBackOff" in run.log()
    assert kubernetes.pods("driver") == []


def test_from_the_shell_with_a_quota(kubernetes: Cluster, conf: Path, tmp_path: Path) -> None:
    """In client mode, executors are pods; the study waits until the namespace has room for them."""
    (tmp_path / "token").write_text(kubernetes.token_of("spark", "spark"))
    spec = {
        "objective": "remote_objectives:quadratic",
        "space": {"x": {"uniform": [0, 1]}},
        "max_evals": 8,
        "conf": {
            "spark.kubernetes.namespace": "spark",
            "spark.kubernetes.authenticate.oauthTokenFile": str(tmp_path / "token"),
            "spark.driver.host": "127.0.0.1",
        },
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    (tmp_path / "remote_objectives.py").write_text((DAGS / "remote_objectives.py").read_text())
    command = [str(Path(sys.executable).parent / "sparktune"), "run", "spec.json", "--study", "study"]
    with kubernetes.quota(0), (tmp_path / "log").open("w") as log:
        shell = subprocess.Popen(
            [*command, "--master", kubernetes.master],
            cwd=tmp_path,
            env={**os.environ, "SPARK_CONF_DIR": str(conf)},
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        wait_for(
            lambda: [each for each in kubernetes.asked("spark:spark") if each.status == 403],
            what="an executor to be refused",
            within_s=120,
        )
    assert shell.wait(timeout=180) == 0, (tmp_path / "log").read_text()
    after = read_study(str(tmp_path / "study")).study
    assert [trial.state for trial in after.trials.values()] == [TrialState.OK] * 8


def test_the_manifest_has_the_rights_that_are_used(kubernetes: Cluster) -> None:
    """The tests above are refused what it does not grant."""
    used: dict[str, set[tuple[str, str]]] = {role: set() for role in rights()}
    for each in kubernetes.api.asked:
        role = "sparktune-submit" if each.who == USER else "sparktune-driver"
        used[role].add((each.resource, each.verb))
    differing = {role: sorted(granted ^ used[role]) for role, granted in rights().items()}
    assert differing == {"sparktune-submit": [], "sparktune-driver": []}
