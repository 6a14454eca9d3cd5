"""`sparktune run` and `doctor`: run a study, or check the platform, here or on a cluster, from this shell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airflow_sparktune.cli.overrides import fields_of, spec_options
from airflow_sparktune.cli.spec_file import read_written_spec
from airflow_sparktune.errors import PlatformError, SpecError
from airflow_sparktune.study.address import folder_of
from airflow_sparktune.study.definition import Spec, given_fields, nested
from airflow_sparktune.study.record.earlier import address_in
from airflow_sparktune.study.segments import parse_segments, segments_given

if TYPE_CHECKING:
    from airflow_sparktune.orchestrator.deploy.job import Job

_MASTER = re.compile(
    r"local(\[(\*|[1-9]\d*)(\s*,\s*\d+)?\])?|local-cluster\[.+\]|spark://.+:\d+(,.+)?|yarn|k8s://.+"
)


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--study", metavar="DIR", help="The study's folder or URL.  [default: the spec's name with .study]"
)
@click.option("--master", default="local[*]", show_default=True, help="The Spark master.")
@click.option(
    "--dry-run", is_flag=True, help="Check everything and print what would be submitted; submit nothing."
)
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print JSON.")
@spec_options
def run_command(
    spec: Path, study: str | None, master: str, dry_run: bool, as_json: bool, **options: Any
) -> int:
    """Run a study, or continue it.

    SPEC is a JSON or YAML file. Its keys are the operator's arguments for the study, and conf for Spark's
    settings. With - as SPEC, standard input is read. Options override the file.

    \b
    sparktune run spec.yaml
    sparktune run spec.yaml --master spark://host:7077 --max-evals 200 --parallelism 8
    sparktune run spec.yaml --objective-kwargs '{"rows": 1000}' --limits.trial-timeout 60
    """
    from airflow_sparktune.cli.submit import print_plan, submit
    from airflow_sparktune.driver.termination import KILLED, Killed, terminable

    if as_json and not dry_run:
        raise click.UsageError("--json must go with --dry-run; `sparktune show --json` prints a result")

    try:
        with terminable():
            job, conf = _job(spec, study, master, options)
            if dry_run:
                return print_plan(job, master=master, conf=conf, as_json=as_json)
            return submit(job, master=master, conf=conf)
    except Killed:
        click.echo("sparktune: killed; run the same command to continue", err=True)
        return KILLED


@click.command()
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@click.option("--conn-id", metavar="ID", help="A Spark connection of Airflow, in place of --master.")
@click.option("--master", default="local[*]", show_default=True, help="The Spark master.")
@click.option(
    "--storage",
    metavar="DIR",
    help="The folder or URL of studies.  [default: the current folder; with --conn-id, Airflow's setting]",
)
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=300, show_default=True, metavar="SECONDS",
    help="How long to wait for an executor.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor_command(
    spec: Path | None, conn_id: str | None, master: str, storage: str | None, timeout: float, as_json: bool
) -> int:
    """Check storage, connection, driver, executor and reports by one tiny job.

    SPEC is a file as for `sparktune run`, of which only conf is used.

    \b
    sparktune doctor --conn-id spark_default
    sparktune doctor spec.yaml --master spark://host:7077 --storage s3://bucket/studies
    """
    from airflow_sparktune.cli.submit import print_diagnosis

    _require_master(master)
    conf = _conf_of(read_written_spec(spec)) if spec is not None else {}
    if storage is not None and "://" not in storage:
        storage = str(Path(storage).resolve())
    return print_diagnosis(
        storage, conn_id=conn_id, master=master, conf=conf, timeout=timeout, as_json=as_json
    )


def _require_master(master: str) -> None:
    if not _MASTER.fullmatch(master):
        raise PlatformError(
            f"--master must be local, local[N], spark://HOST:PORT, yarn or k8s://URL, got {master!r}"
        )


def _conf_of(written: dict[str, Any]) -> dict[str, Any]:
    """Remove Spark's settings from a written spec, and return them."""
    conf = written.pop("conf", None) or {}
    if not isinstance(conf, dict):
        raise SpecError(f"conf must be an object of Spark settings by name, got {conf!r}")
    return conf


def _job(file: Path, study: str | None, master: str, options: dict[str, Any]) -> tuple[Job, dict[str, Any]]:
    """Return the job and Spark's settings."""
    from airflow_sparktune.orchestrator.arguments import SEGMENT_ARGUMENTS
    from airflow_sparktune.orchestrator.checks.lookup import brings_code, check_references
    from airflow_sparktune.orchestrator.deploy.job import Job
    from airflow_sparktune.orchestrator.deploy.user_code import gather_code

    _require_master(master)
    written = read_written_spec(file)
    conf = _conf_of(written)
    many = {name: written.pop(name, None) for name in SEGMENT_ARGUMENTS}
    bases = (file.resolve().parent, Path.cwd())
    named, code = gather_code(
        {**given_fields(written, besides=("conf", *SEGMENT_ARGUMENTS)), **fields_of(options)}, bases=bases
    )
    segments = () if many["segments"] is None else parse_segments("segments", many["segments"])
    check_references(named, code, bases=bases, elsewhere=brings_code(conf), segments=segments)
    address = _address(file, study)
    if "retuning.incumbent" in named or "warm_start.points" in named:
        # By default each spec has its own segment, because one folder may hold the studies of several specs.
        if many["segments"] is None:
            named.setdefault("segment", file.stem)
        named["champions"] = folder_of(address)
    spec = Spec.of(**nested({**named, "code": code.sha256 if code else None}))
    job = Job(
        address=address,
        spec=spec,
        segments=segments_given(spec, **many),
        code=code,
        quiet=spec.execution.log_level == "trials",
        open_ui=spec.execution.open_spark_ui,
        warm_start=address_in(spec.warm_start.points),
    )
    return job, conf


def _address(file: Path, study: str | None) -> str:
    if study is None:
        if str(file) == "-":
            raise SpecError("a spec from standard input must come with --study DIR, got none")
        return str(Path.cwd() / f"{file.stem}.study")
    return study if "://" in study else str(Path(study).resolve())
