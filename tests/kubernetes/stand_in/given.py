"""What a pod is given besides its image: volumes, variables, names and an identity."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.kubernetes.stand_in.objects import Key, Object, Objects

TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True)
class Given:
    """Takes it from the cluster's objects, and waits for those that are made after the pod."""

    objects: Objects
    token_of: Callable[[str, str], str]
    certificate: Path

    def host_names(self, metadata: Object) -> list[str]:
        """Return the names of the services that lead to a pod."""
        labels = (metadata.get("labels") or {}).items()
        services = self.objects.find(
            "services", metadata["namespace"], lambda each: each["spec"].get("selector", {}).items() <= labels
        )
        return [f"{each['metadata']['name']}.{metadata['namespace']}.svc" for each in services]

    def value(self, given: Object, namespace: str, fields: Mapping[str, str]) -> str:
        source = given.get("valueFrom") or {}
        if "fieldRef" in source:
            return fields[source["fieldRef"]["fieldPath"]]
        if "secretKeyRef" in source:
            name, entry = source["secretKeyRef"]["name"], source["secretKeyRef"]["key"]
            secret = self.objects.wait_for(Key("secrets", namespace, name))
            return base64.b64decode(secret["data"][entry]).decode()
        return str(given.get("value") or "")

    def volume(self, volume: Object, namespace: str, pod_folder: Path) -> Path:
        if "hostPath" in volume:
            return Path(volume["hostPath"]["path"])
        folder = pod_folder / "volumes" / volume["name"]
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        for name, content in self._files(volume, namespace).items():
            (folder / name).write_bytes(content)
        return folder

    def _files(self, volume: Object, namespace: str) -> Mapping[str, bytes]:
        if (source := volume.get("configMap")) is not None:
            # Spark's client makes it after the pod.
            found = self.objects.wait_for(Key("configmaps", namespace, source["name"])).get("data") or {}
            data = {name: text.encode() for name, text in found.items()}
        elif (source := volume.get("secret")) is not None:
            found = self.objects.wait_for(Key("secrets", namespace, source["secretName"]))["data"]
            data = {name: base64.b64decode(text) for name, text in found.items()}
        else:
            return {}
        if items := source.get("items"):
            return {each["path"]: data[each["key"]] for each in items}
        return data

    def identity(self, account: str, namespace: str, pod_folder: Path) -> Path:
        folder = pod_folder / "identity"
        folder.mkdir()
        (folder / "token").write_text(self.token_of(namespace, account))
        (folder / "namespace").write_text(namespace)
        (folder / "ca.crt").write_bytes(self.certificate.read_bytes())
        return folder
