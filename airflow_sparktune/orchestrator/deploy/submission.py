"""What spark-submit is given, as plain data: the same for an Airflow task and for the shell."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.parcel import Parcel
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.user_code import UserCode

# How long the name of a folder may be in which Spark makes Unix sockets, `.<uuid>.sock`: a system takes 104
# bytes at least.
SOCKET_FOLDER = 60


@dataclass(frozen=True, slots=True)
class Submission:
    """The application and its surroundings."""

    folder: Path
    application: str
    arguments: tuple[str, ...]
    py_files: tuple[str, ...]
    conf: Mapping[str, Any]
    environment: Mapping[str, str]

    def command(self, binary: str, master: str) -> list[str]:
        """The command line of spark-submit."""
        conf = [part for key, value in self.conf.items() for part in ("--conf", f"{key}={value}")]
        files = ["--py-files", ",".join(self.py_files)]
        return [binary, "--master", master, *conf, *files, self.application, *self.arguments]


def prepare(
    address: str,
    *,
    folder: Path,
    code: UserCode | None,
    master: str,
    deploy_mode: str | None,
    conf: Mapping[str, Any],
    install: SparkInstall,
    script: Sequence[str] = (),
    quiet: bool = True,
) -> Submission:
    """Pack what travels into `folder` and say how it is submitted; what `conf` sets is left alone.

    `script` is a user's own program and its arguments, which runs in place of a spec. With `quiet`, Spark's
    own lines go to a file in `folder` and only its warnings to the output.
    """
    cluster = deploy_mode == "cluster"
    if cluster and master.startswith("spark://"):
        raise PlatformError(
            f"Python needs deploy mode 'client' on a standalone master, got 'cluster' with {master}; "
            "set deploy_mode='client' (Spark supports cluster mode for Python on YARN and Kubernetes only)"
        )
    parcel = Parcel.pack(folder, code)
    defaults: dict[str, Any] = {}
    if script:
        defaults["spark.sparktune.study"] = address
    application, arguments = str(parcel.launcher), ["--study", address]
    environment = dict(install.environment)
    if not cluster:
        # Otherwise the first python3 on PATH drives, which need not have hyperopt.
        defaults["spark.pyspark.driver.python"] = sys.executable
        if master.startswith("local"):
            defaults["spark.pyspark.python"] = sys.executable
        defaults["spark.local.dir"] = str(parcel.scratch)
        arguments += ["--work", str(folder)]
        environment["SPARK_SUBMIT_OPTS"] = _jvm_options(parcel, quiet=quiet)
        if script:
            arguments += ["--script", *script]
    elif script:
        # The launcher would not find it there; the script finds its study by the conf.
        application, arguments = script[0], list(script[1:])
        # Its session is its own; in client mode the driver program offers it these settings, and more.
        defaults["spark.python.unix.domain.socket.enabled"] = "true"
        defaults["spark.ui.showConsoleProgress"] = "false"
    return Submission(
        folder=folder,
        application=application,
        arguments=tuple(arguments),
        py_files=tuple(str(path) for path in parcel.py_files),
        conf={**defaults, **conf},
        environment=environment,
    )


def _jvm_options(parcel: Parcel, *, quiet: bool) -> str:
    """The options of the driver's JVM; what the machine sets (a proxy, say) comes last and wins."""
    options = [f"-Dlog4j2.configurationFile=file:{parcel.log4j}"] if quiet else []
    if len(os.fsencode(parcel.scratch)) <= SOCKET_FOLDER:
        # Sockets, libraries and whatever else a JVM leaves behind go with the work folder.
        options.append(f"-Djava.io.tmpdir={parcel.scratch}")
    return " ".join([*options, os.environ.get("SPARK_SUBMIT_OPTS", "")]).rstrip()
