"""Collect Spark's settings for an application, and write them to a file that only this user can read.

On a command line, every user of the machine could see them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.job import Target

# Settings and environment variables whose values are redacted in Spark's UI and event log. Spark's default
# covers only secret, password, token and access key. The last ones are keys of Azure's and S3's storage.
REDACTION = (
    r"(?i)secret|passw|passphrase|pwd|token|credential|(access|api|private)[._-]?key"
    r"|(^|[._-])(pw|pass|dsn|auth|sas)($|[._-])|account[._-]key|encryption[._-]key$"
)


def conf_of(target: Target, *, settings: Mapping[str, str], fallbacks: Mapping[str, str]) -> dict[str, str]:
    """Return all settings of an application on `target`; the user's have precedence.

    `settings` override spark-defaults.conf, `fallbacks` do not. spark-submit ignores that file if it gets a
    properties file, so its settings are merged here.
    """
    defaults_file = target.install.defaults_file(target.env_vars)
    conf = {
        "spark.redaction.regex": REDACTION,
        # Users who may see the Spark UI must not be able to kill jobs there.
        "spark.ui.killEnabled": "false",
        **fallbacks,
        **(read_properties(defaults_file) if defaults_file else {}),
        **settings,
        **_environment_of_driver(target),
        **(read_properties(target.properties_file) if target.properties_file else {}),
        **{str(key): str(value) for key, value in target.conf.items()},
    }
    if _manages_secret(target.master) and conf.get("spark.shuffle.service.enabled") != "true":
        # An external shuffle service would need authentication too, which is up to the cluster.
        conf.setdefault("spark.authenticate", "true")
    return conf


def read_properties(path: Path) -> dict[str, str]:
    """Read a file in the format of spark-defaults.conf; raises PlatformError on failure."""
    import javaproperties  # not above: it loads XML parsers, and every parse of a DAG file would pay for them

    try:
        with path.open(encoding="utf-8") as file:
            found: dict[str, str] = javaproperties.load(file)
    except (OSError, ValueError) as error:
        raise PlatformError(f"Spark's properties file {path} must be readable, but: {error}") from error
    # As spark-submit does: it ignores other keys.
    return {key: value.strip() for key, value in found.items() if key.startswith("spark.")}


def write_properties(path: Path, conf: Mapping[str, str]) -> None:
    """Write the settings for `spark-submit --properties-file` to a file that only this user can read."""
    import javaproperties

    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        javaproperties.dump(conf, file, timestamp=False)


def _manages_secret(master: str) -> bool:
    """Return whether Spark itself distributes the secret of `spark.authenticate` on this master."""
    return "yarn" in master or "k8s" in master


def _environment_of_driver(target: Target) -> dict[str, str]:
    """Return `env_vars` as settings if the driver runs in a container of its own."""
    if "yarn" in target.master:
        prefix = "spark.yarn.appMasterEnv."
    elif "k8s" in target.master:
        prefix = "spark.kubernetes.driverEnv."
    else:
        return {}
    return {f"{prefix}{name}": str(value) for name, value in target.env_vars.items()}
