"""Spark's settings for the stand-in: each option that the guide names is used."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from tests.kubernetes.stand_in.cluster import Cluster

PASSWORD = "hunter2"
LABEL = {"team": "churn"}


def write_settings(cluster: Cluster, folder: Path) -> Path:
    """Write spark-defaults.conf with the files that it names, add the secret; returns the conf folder."""
    for namespace in ("default", "spark"):
        data = {"password": base64.b64encode(PASSWORD.encode()).decode()}
        cluster.add("secrets", namespace, "billing", data=data)
    (folder / "token").write_text(cluster.token)
    container = {"name": "spark", "env": [{"name": "KEYS", "value": "/etc/keys"}]}
    template = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": LABEL},
        "spec": {"containers": [container]},
    }
    (folder / "pod.yaml").write_text(yaml.safe_dump(template))
    conf = folder / "conf"
    conf.mkdir()
    settings = {
        "spark.kubernetes.container.image": "sparktune-spark",
        "spark.kubernetes.container.image.pullPolicy": "Never",
        "spark.kubernetes.authenticate.driver.serviceAccountName": "spark",
        **{
            f"spark.kubernetes.authenticate.{who}{name}": str(value)
            for who in ("", "submission.")
            for name, value in (("oauthTokenFile", folder / "token"), ("caCertFile", cluster.certificate))
        },
        "spark.kubernetes.driver.podTemplateFile": str(folder / "pod.yaml"),
        "spark.kubernetes.executor.podTemplateFile": str(folder / "pod.yaml"),
        "spark.kubernetes.executor.secrets.billing": "/etc/keys",
        "spark.kubernetes.executor.secretKeyRef.DB_PASSWORD": "billing:password",
        "spark.executor.instances": "2",
        "spark.executor.memory": "512m",
        "spark.driver.memory": "512m",
    }
    text = "".join(f"{name} {value}\n" for name, value in settings.items())
    (conf / "spark-defaults.conf").write_text(text)
    return conf
