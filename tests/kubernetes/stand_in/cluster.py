"""A cluster for the tests: the parts put together, and what a test does to it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.airflow_site import wait_for
from tests.kubernetes.stand_in.api import ApiServer, Asked, delete
from tests.kubernetes.stand_in.certificate import write_certificate
from tests.kubernetes.stand_in.kubelet import Kubelet, Runtime
from tests.kubernetes.stand_in.objects import Key, Object, Objects

USER = "airflow"  # whose token submits


@dataclass(frozen=True)
class Cluster:
    """A running cluster; `url` is its API server's, which `token` and `certificate` open."""

    url: str
    token: str
    certificate: Path
    folder: Path
    api: ApiServer
    kubelet: Kubelet
    objects: Objects
    token_of: Callable[[str, str], str]  # a new token of a service account, by namespace and name

    @property
    def master(self) -> str:
        return f"k8s://{self.url}"

    @property
    def kubeconfig(self) -> Path:
        """Return the file with which Airflow, Spark and kubectl find the cluster."""
        file = self.folder / "kubeconfig.json"
        if not file.exists():
            cluster = {"server": self.url, "certificate-authority": str(self.certificate)}
            context = {"cluster": "stand-in", "user": USER, "namespace": "default"}
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "stand-in",
                "clusters": [{"name": "stand-in", "cluster": cluster}],
                "users": [{"name": USER, "user": {"token": self.token}}],
                "contexts": [{"name": "stand-in", "context": context}],
            }
            file.write_text(json.dumps(config))
            file.chmod(0o600)
        return file

    def add(self, kind: str, namespace: str, name: str, **content: Any) -> None:
        """Make an object, as an administrator."""
        self.objects.create(Key(kind, namespace, name), {"metadata": {}, **content})

    def pods(self, role: str, namespace: str = "spark", *, phase: str | None = None) -> list[Object]:
        """Return the pods of Spark's drivers or executors."""

        def fits(pod: Object) -> bool:
            labels = pod["metadata"].get("labels") or {}
            return labels.get("spark-role") == role and phase in (None, pod["status"]["phase"])

        return self.objects.find("pods", namespace, fits)

    def wait_for_pod(self, role: str, namespace: str = "spark", *, phase: str = "Running") -> Object:
        return wait_for(
            lambda: self.pods(role, namespace, phase=phase), what=f"a {role} to be {phase}", within_s=240
        )[0]

    def output(self, pod: Object) -> str:
        return self.kubelet.output(pod).decode(errors="replace")

    def outputs(self) -> str:
        """Return what all pods have written, for a failed test."""
        logs = sorted((self.folder / "pods").glob("*/log"))
        return "\n".join(f"--- {log.parent.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)

    def delete(self, pod: Object) -> None:
        """Delete a pod, as an administrator does."""
        metadata = pod["metadata"]
        delete(self.api, Key("pods", metadata["namespace"], metadata["name"]))

    def clear(self) -> None:
        """Delete all pods at once, and with them what they own; wait until they are gone."""
        for pod in self.objects.find("pods", None, lambda _: True):
            metadata = pod["metadata"]
            delete(self.api, Key("pods", metadata["namespace"], metadata["name"]), grace_s=0)
        wait_for(
            lambda: self.objects.find("pods", None, lambda _: True),
            lambda left: not left,
            what="all pods to be gone",
            within_s=60,
        )

    def cut_watches(self, *, forget: bool = False) -> None:
        """End all watches; with `forget`, the next ones have to list anew."""
        if forget:
            self.objects.forget()
        self.api.faults.cuts += 1

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let the API server answer nobody in this context."""
        self.api.faults.away = True
        try:
            yield
        finally:
            self.api.faults.away = False

    @contextmanager
    def quota(self, pods: int) -> Iterator[None]:
        self.api.faults.most_pods = pods
        try:
            yield
        finally:
            self.api.faults.most_pods = None

    def asked(self, who: str) -> list[Asked]:
        """Return the requests of a user or service account, in their order."""
        return [each for each in self.api.asked if each.who == who]


@contextmanager
def running_cluster(
    folder: Path,
    runtime: Callable[[Callable[[], str], Callable[[str, str], str]], Runtime],
    *,
    may: Callable[[str, str, str], bool],
    gateway: str | None = None,
) -> Iterator[Cluster]:
    """Run a cluster in this context. `runtime` is made of the API's URL and the addresses of services.

    `may` tells whether a user or service account may do something, by its name, a resource and a verb.
    With `gateway`, the API server listens at that address too, at the port of HTTPS, for containers.
    """
    objects = Objects()
    names = ["localhost", "kubernetes.default.svc"]
    certificate = write_certificate(folder, names=names, addresses=["127.0.0.1", *filter(None, [gateway])])
    token = secrets.token_urlsafe(24)
    who = {token: USER}

    def token_of(namespace: str, account: str) -> str:
        made = secrets.token_urlsafe(24)
        who[made] = f"{namespace}:{account}"
        return made

    def find(namespace: str, service: str) -> str:
        selector = objects.wait_for(Key("services", namespace, service))["spec"]["selector"].items()

        def behind(pod: Object) -> bool:
            labels = pod["metadata"].get("labels") or {}
            return selector <= labels.items() and "podIP" in pod["status"]

        (pod,) = wait_for(lambda: objects.find("pods", namespace, behind), what=f"a pod behind {service}")
        return str(pod["status"]["podIP"])

    ports: list[int] = []
    made = runtime(lambda: f"https://127.0.0.1:{ports[0]}", find)
    kubelet = Kubelet(objects, made, folder, token_of=token_of, certificate=certificate[0])
    api = ApiServer(objects, kubelet, who, certificate, may)
    ports.append(api.listen("127.0.0.1"))
    if gateway is not None:
        api.listen(gateway, 443)
    try:
        yield Cluster(
            f"https://127.0.0.1:{ports[0]}", token, certificate[0], folder, api, kubelet, objects, token_of
        )
    finally:
        api.close()
        kubelet.close()
