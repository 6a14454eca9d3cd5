"""The stand-in keeps what clients rely on; they are those of Airflow's provider."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

from tests.integration.airflow_site import wait_for
from tests.kubernetes.stand_in.cluster import Cluster, running_cluster
from tests.kubernetes.stand_in.kubelet import Pod


class Sleeping:
    """A runtime without processes; a container runs until it gets a signal."""

    def __init__(self) -> None:
        self.pods: list[Pod] = []

    def address(self) -> str:
        return "127.0.0.9"

    def has(self, image: str) -> bool:
        return image == "here"

    def run(self, pod: Pod) -> Container:
        self.pods.append(pod)
        return Container()


class Container:
    def __init__(self) -> None:
        self._got: list[int] = []
        self._signalled = threading.Event()

    def wait(self) -> int:
        self._signalled.wait()
        return 128 + self._got[0]

    def signal(self, number: int) -> None:
        self._got.append(number)
        self._signalled.set()

    def remove(self) -> None:
        """Nothing is left."""


@pytest.fixture
def runtime() -> Sleeping:
    return Sleeping()


@pytest.fixture
def kept(runtime: Sleeping, tmp_path: Path) -> Iterator[Cluster]:
    """Run a cluster in which everything is allowed but to read secrets."""
    with running_cluster(tmp_path, lambda *_: runtime, may=lambda _, what, __: what != "secrets") as cluster:
        yield cluster


@pytest.fixture
def api(kept: Cluster) -> client.CoreV1Api:
    return client.CoreV1Api(config.new_client_from_config(str(kept.kubeconfig)))


def pod(name: str, *, image: str = "here", owner: str | None = None, **spec: Any) -> dict[str, Any]:
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": "any", "uid": owner}] if owner else []
    return {
        "metadata": {"name": name, "labels": {"spark-role": "executor"}, "ownerReferences": owners},
        "spec": {"containers": [{"name": "spark", "image": image}], **spec},
    }


def phase(api: client.CoreV1Api, name: str) -> str:
    return str(api.read_namespaced_pod(name, "spark").status.phase)


def names(api: client.CoreV1Api, selector: str = "") -> list[str]:
    found = api.list_namespaced_pod("spark", label_selector=selector).items
    return [each.metadata.name for each in found]


def test_who_may_do_what(kept: Cluster, api: client.CoreV1Api) -> None:
    """A request needs a token, and the right to what it asks for."""
    with pytest.raises(ApiException, match="Forbidden"):
        api.list_namespaced_secret("spark")
    api.api_client.configuration.refresh_api_key_hook = None
    api.api_client.configuration.api_key = {"authorization": "Bearer wrong"}
    with pytest.raises(ApiException, match="Unauthorized"):
        api.list_namespaced_pod("spark")
    assert [each.status for each in kept.asked("airflow")] == [403]


def test_what_a_pod_owns_goes_with_it(api: client.CoreV1Api) -> None:
    """A pod is gone after its end; then the garbage collector removes what it owned."""
    driver = api.create_namespaced_pod("spark", pod("driver"))
    api.create_namespaced_pod("spark", pod("executor", owner=driver.metadata.uid))
    wait_for(
        lambda: (phase(api, "driver"), phase(api, "executor")),
        lambda seen: set(seen) == {"Running"},
        what="both",
    )
    api.delete_namespaced_pod("driver", "spark")
    wait_for(lambda: names(api), lambda left: not left, what="no pod", within_s=30)


def test_a_watch_goes_on_where_the_last_one_ended(kept: Cluster, api: client.CoreV1Api) -> None:
    """Its events are those of the selected objects, after its version, unless they are forgotten."""
    api.create_namespaced_pod("spark", pod("one"))
    version = api.list_namespaced_pod("spark").metadata.resource_version
    api.create_namespaced_pod("spark", pod("two"))

    def first(selector: str) -> tuple[str, str]:
        events = watch.Watch().stream(
            api.list_namespaced_pod,
            "spark",
            resource_version=version,
            label_selector=selector,
            timeout_seconds=20,
        )
        return next(
            (event["type"], event["object"].metadata.name)
            for event in events
            if event["object"].metadata.name != "one"
        )

    assert first("spark-role=executor,!absent") == ("ADDED", "two")
    kept.objects.forget()
    with pytest.raises(ApiException, match="Expired"):
        first("")


def test_selectors(api: client.CoreV1Api) -> None:
    api.create_namespaced_pod("spark", pod("one"))
    for selector, found in {
        "spark-role=executor": ["one"],
        "spark-role!=executor": [],
        "spark-role": ["one"],
        "!spark-role": [],
        "spark-role=executor,other!=x": ["one"],
    }.items():
        assert names(api, selector) == found, selector


def test_an_evicted_pod_and_one_without_its_image(kept: Cluster, api: client.CoreV1Api) -> None:
    """The one stays, as failed; the other one waits, and can be deleted."""
    api.create_namespaced_pod("spark", pod("evicted"))
    wait_for(lambda: phase(api, "evicted"), lambda seen: seen == "Running", what="it to run")
    kept.kubelet.evict(kept.pods("executor")[0])
    wait_for(lambda: phase(api, "evicted"), lambda seen: seen == "Failed", what="it to fail")
    assert api.read_namespaced_pod("evicted", "spark").status.reason == "Evicted"
    api.create_namespaced_pod("spark", pod("waiting", image="nowhere"))
    waiting = wait_for(
        lambda: api.read_namespaced_pod("waiting", "spark").status.container_statuses, what="its status"
    )
    assert waiting[0].state.waiting.reason == "ImagePullBackOff"
    api.delete_namespaced_pod("waiting", "spark")
    wait_for(lambda: names(api), lambda left: left == ["evicted"], what="it to be gone", within_s=30)


def test_a_quota_and_an_absent_server(kept: Cluster, api: client.CoreV1Api) -> None:
    with kept.quota(0), pytest.raises(ApiException, match="exceeded quota"):
        api.create_namespaced_pod("spark", pod("one"))
    api.create_namespaced_pod("spark", pod("one"))
    with kept.away(), pytest.raises(Exception, match=r"Max retries|aborted|closed"):
        api.list_namespaced_pod("spark", _request_timeout=5)
    assert names(api) == ["one"]


def test_what_a_pod_mounts(kept: Cluster, api: client.CoreV1Api, runtime: Sleeping) -> None:
    """Config maps, also if they are made after the pod, and an identity that the API server knows."""
    volumes = [{"name": "conf", "configMap": {"name": "later", "items": [{"key": "a", "path": "b"}]}}]
    given = pod("one", volumes=volumes, serviceAccountName="spark")
    given["spec"]["containers"][0]["volumeMounts"] = [{"name": "conf", "mountPath": "/conf"}]
    api.create_namespaced_pod("spark", given)
    api.create_namespaced_config_map("spark", {"metadata": {"name": "later"}, "data": {"a": "text"}})
    (running,) = wait_for(lambda: runtime.pods, what="it to run")
    assert (running.mounts["/conf"] / "b").read_text() == "text"
    identity = running.mounts["/var/run/secrets/kubernetes.io/serviceaccount"]
    assert kept.api.who[(identity / "token").read_text()] == "spark:spark"
