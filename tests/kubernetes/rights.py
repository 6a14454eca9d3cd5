"""The rights that docker/kubernetes/rbac.yaml grants."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from tests.kubernetes.stand_in.cluster import USER

MANIFEST = Path(__file__).parents[2] / "docker" / "kubernetes" / "rbac.yaml"
Rights = Mapping[str, frozenset[tuple[str, str]]]


@cache
def rights() -> Rights:
    """Return resources and verbs by the name of a role."""
    roles = [each for each in yaml.safe_load_all(MANIFEST.read_text()) if each["kind"] == "Role"]
    return {
        role["metadata"]["name"]: frozenset(
            (resource, verb)
            for rule in role["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        )
        for role in roles
    }


def may(who: str, resource: str, verb: str) -> bool:
    """Return whether the manifest lets Airflow's user, or else a driver's service account, do something."""
    return (resource, verb) in rights()["sparktune-submit" if who == USER else "sparktune-driver"]
