"""A job, its target and its submission as plain data, shared by the Airflow task and the shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.user_code import UserCode
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.file import spec_sha256
from airflow_sparktune.study.segments import Segments
from airflow_sparktune.study.storage import without_connection

# The name of the driver's pod on Kubernetes.
DRIVER_POD = "spark.kubernetes.driver.pod.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The work of a driver for the study at `address`: a spec with the code it names, or a user's script.

    With `segments`, `address` is that of their application, and `spec` what they have in common. `script` is
    the program and its arguments; `retuning` are the fields that the operator sets in its spec. With `quiet`,
    Spark's log goes to a file, and only its warnings to the output. `open_ui` makes the Spark UI of a local
    master reachable from other machines. `warm_start` is the address of the study that gives starting points,
    as this process opens it.
    """

    address: str
    spec: Spec | None = None
    segments: Segments | None = None
    code: UserCode | None = None
    script: tuple[str, ...] = ()
    retuning: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = True
    open_ui: bool = False
    warm_start: str | None = None

    @property
    def drivers_address(self) -> str:
        """Return the study's address for the driver, which uses its own credentials."""
        return without_connection(self.address)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of the driver program: the study, and the hash of the file in its folder."""
        study = ("--study", self.drivers_address)
        if self.segments is not None:
            return (*study, "--segments-sha256", self.segments.sha256)
        return study if self.spec is None else (*study, "--spec-sha256", spec_sha256(self.spec))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The Spark to which a job is submitted, with the user's settings for it.

    `options` are those of spark-submit besides master, settings and code. `py_files` are the user's,
    separated by commas.
    """

    master: str
    deploy_mode: str | None = None
    install: SparkInstall
    binary: str = "spark-submit"
    options: tuple[str, ...] = ()
    py_files: str | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    properties_file: Path | None = None
    env_vars: Mapping[str, str] = field(default_factory=dict)


class SubmitFailed(RuntimeError):
    """spark-submit has failed; `spark_log` has the last lines of Spark's own log, whose file is removed."""

    def __init__(self, message: str, *, spark_log: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.spark_log = spark_log


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The input of spark-submit: an application, its arguments, its files and its settings.

    A retry finds the application of an earlier try again by `reconnection`, which is None if the application
    ends with the process that submitted it. `code` is a zip for the study folder, from which the driver
    reads it; otherwise code is among `py_files`.
    """

    folder: Path
    target: Target
    application: str
    arguments: tuple[str, ...]
    py_files: tuple[str, ...]
    conf: Mapping[str, str]
    environment: Mapping[str, str]
    reconnection: str | None = None
    code: bytes | None = None

    @property
    def properties(self) -> Path:
        """Return the path of the settings file, which the launcher writes before it starts spark-submit."""
        return self.folder / "spark.properties"

    @property
    def command(self) -> list[str]:
        """Return the command line of spark-submit; settings are not on it.

        In a cluster, the provider makes a line of the same options, with the few settings that it reads.
        """
        files = ["--py-files", ",".join(self.py_files)] if self.py_files else []
        where = [self.target.binary, "--master", self.target.master, *self.target.options]
        return [*where, "--properties-file", str(self.properties), *files, self.application, *self.arguments]
