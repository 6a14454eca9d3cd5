"""The kubelet: prepares what a pod mounts, lets a runtime run its container, and reports its status."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.kubernetes.stand_in.given import TOKEN_FOLDER, Given
from tests.kubernetes.stand_in.objects import Key, Object, Objects, now


@dataclass(frozen=True, kw_only=True)
class Pod:
    """What a runtime runs: the first container of a pod, with its volumes as folders of this machine."""

    name: str
    namespace: str
    image: str
    command: list[str]
    environment: Mapping[str, str]
    mounts: Mapping[str, Path]  # by their path in the container
    user: int | None
    address: str
    host_names: list[str]
    folder: Path


class Running(Protocol):
    """A container that runs."""

    def wait(self) -> int:
        """Return its exit code after its end; 128 and the signal's number if it was killed."""

    def signal(self, number: int) -> None:
        """Send a signal to its first process."""

    def remove(self) -> None:
        """End what is left of it."""


class Runtime(Protocol):
    """Runs containers."""

    def address(self) -> str:
        """Return an unused address for a pod."""

    def has(self, image: str) -> bool:
        """Return whether the image can be pulled."""

    def run(self, pod: Pod) -> Running:
        """Start a pod's container, which writes its output to the file `log` in the pod's folder."""


@dataclass
class _Life:
    """A pod that the kubelet has been given."""

    folder: Path
    ended: threading.Event = field(default_factory=threading.Event)
    running: Running | None = None
    evicted: bool = False
    stopping: bool = False


class Kubelet:
    """Runs each pod in a thread of its own."""

    def __init__(
        self,
        objects: Objects,
        runtime: Runtime,
        folder: Path,
        *,
        token_of: Callable[[str, str], str],
        certificate: Path,
    ) -> None:
        self._objects = objects
        self._runtime = runtime
        self._folder = folder
        self._given = Given(objects, token_of, certificate)
        self._lives: dict[str, _Life] = {}

    def start(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        life = self._lives[uid] = _Life(self._folder / "pods" / f"{pod['metadata']['name']}-{uid[:4]}")
        life.folder.mkdir(parents=True)
        key = Key("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
        threading.Thread(target=self._live, args=(key, pod, life), daemon=True).start()

    def stop(self, key: Key, *, grace_s: float | None, then: Callable[[], None]) -> None:
        """End a pod's container, by force after a time, and call `then`."""

        def mark(found: Object) -> None:
            found["metadata"].setdefault("deletionTimestamp", now())

        if (pod := self._objects.update(key, mark)) is None:
            return
        life = self._lives[pod["metadata"]["uid"]]
        if grace_s is None:
            grace_s = pod["spec"].get("terminationGracePeriodSeconds", 30)
        if life.stopping:
            return
        life.stopping = True

        def end() -> None:
            for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 30)):
                if life.running is not None:
                    life.running.signal(number)
                if life.ended.wait(patience_s):
                    break
            then()

        threading.Thread(target=end, daemon=True).start()

    def evict(self, pod: Object) -> None:
        """Kill a pod as a node does that has no memory left; the pod stays, as failed."""
        life = self._lives[pod["metadata"]["uid"]]
        life.evicted = True
        assert life.running is not None
        life.running.signal(signal.SIGKILL)

    def kill(self, pod: Object) -> None:
        """Kill a pod's container, as the out-of-memory killer does."""
        running = self._lives[pod["metadata"]["uid"]].running
        assert running is not None
        running.signal(signal.SIGKILL)

    def output(self, pod: Object) -> bytes:
        log = self._lives[pod["metadata"]["uid"]].folder / "log"
        return log.read_bytes() if log.exists() else b""

    def close(self) -> None:
        """End all containers."""
        for life in list(self._lives.values()):
            life.stopping = True
            if life.running is not None:
                life.running.signal(signal.SIGKILL)
                life.running.remove()

    def _live(self, key: Key, found: Object, life: _Life) -> None:
        try:
            image = found["spec"]["containers"][0]["image"]
            if not self._runtime.has(image):
                message = f'Back-off pulling image "{image}"'
                self._report(key, "Pending", {"waiting": {"reason": "ImagePullBackOff", "message": message}})
                return
            pod = self._prepared(found, life)
            if life.stopping:
                return
            life.running = self._runtime.run(pod)
            if life.stopping:
                life.running.signal(signal.SIGKILL)
            self._report(key, "Running", {"running": {"startedAt": now()}}, address=pod.address)
            code = life.running.wait()
            life.running.remove()
            ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "finishedAt": now()}
            reason = "Evicted" if life.evicted else None
            self._report(key, "Failed" if code else "Succeeded", {"terminated": ended}, reason=reason)
        except Exception as error:  # noqa: BLE001 - a pod that cannot start fails, as on a node
            with (life.folder / "log").open("a") as log:
                log.write(f"{error!r}\n")
            self._report(key, "Failed", {"terminated": {"exitCode": 128, "reason": "StartError"}})
        finally:
            life.ended.set()

    def _report(
        self, key: Key, phase: str, state: Object, *, address: str | None = None, reason: str | None = None
    ) -> None:
        def change(pod: Object) -> None:
            ready = "True" if phase == "Running" else "False"
            container = pod["spec"]["containers"][0]
            pod["status"].update(
                phase=phase,
                hostIP="127.0.0.1",
                conditions=[{"type": "Ready", "status": ready}, {"type": "PodScheduled", "status": "True"}],
                containerStatuses=[
                    {
                        "name": container["name"],
                        "image": container["image"],
                        "imageID": "",
                        "ready": phase == "Running",
                        "restartCount": 0,
                        "state": state,
                        "lastState": {},
                    }
                ],
            )
            if address is not None:
                pod["status"].update(podIP=address, startTime=now())
            if reason is not None:
                pod["status"].update(reason=reason, message="The node was low on resource: memory.")

        self._objects.update(key, change)

    def _prepared(self, found: Object, life: _Life) -> Pod:
        """Return a pod for the runtime, once all that it mounts exists."""
        spec, metadata = found["spec"], found["metadata"]
        container, namespace = spec["containers"][0], metadata["namespace"]
        given = self._given
        volumes = {
            each["name"]: given.volume(each, namespace, life.folder) for each in spec.get("volumes") or []
        }
        mounts = {each["mountPath"]: volumes[each["name"]] for each in container.get("volumeMounts") or []}
        account = spec.get("serviceAccountName") or "default"
        mounts[TOKEN_FOLDER] = given.identity(account, namespace, life.folder)
        address = self._runtime.address()
        fields = {
            "status.podIP": address,
            "metadata.name": metadata["name"],
            "metadata.namespace": namespace,
        }
        security = {**(spec.get("securityContext") or {}), **(container.get("securityContext") or {})}
        return Pod(
            name=metadata["name"],
            namespace=namespace,
            image=container["image"],
            command=[*(container.get("command") or []), *(container.get("args") or [])],
            environment={
                each["name"]: given.value(each, namespace, fields) for each in container.get("env") or []
            },
            mounts=mounts,
            user=security.get("runAsUser"),
            address=address,
            host_names=given.host_names(metadata),
            folder=life.folder,
        )
