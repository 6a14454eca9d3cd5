"""Write the files of a prepared study into its folder: the spec, and one program that brings all code."""

from __future__ import annotations

import base64
import logging
import re
from typing import Any

from airflow.sdk import Context

from airflow_sparktune.orchestrator.deploy.job import Job
from airflow_sparktune.orchestrator.deploy.run import check_warm_start, has_result
from airflow_sparktune.orchestrator.deploy.submit_files import package_files
from airflow_sparktune.orchestrator.submitters.prepare import PrepareStudyOperator
from airflow_sparktune.orchestrator.task.generation import address_of, begin_study
from airflow_sparktune.orchestrator.task.study_job import StudyJob
from airflow_sparktune.study.definition.file import spec_sha256, write_spec
from airflow_sparktune.study.files.code import zipped
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

# In a folder of its own, which Python puts at the front of sys.path.
NAME = "launch/sparktune_application.py"
# Some services take one file only, so the file brings the code. Others execute it without __file__.
_APPLICATION = '''\
"""The driver program of a study, with the package and the user's code."""
import base64
import pathlib
import sys
import tempfile

CODE = """
{code}"""

file = pathlib.Path(tempfile.mkdtemp(prefix="sparktune-"), "sparktune_study.zip")
file.write_bytes(base64.b64decode(CODE))
sys.path.insert(0, str(file))

from airflow_sparktune.driver.main import main

main(["--shipped", str(file), *sys.argv[1:]])
'''


def prepare(task: PrepareStudyOperator, context: Context) -> dict[str, Any]:
    """Write the files; return the addresses of the study and of its application, and the arguments."""
    address = address_of(context, task.storage)
    job = StudyJob(task, context).job(address, task.given_fields())
    before = read_study(address).study
    if has_result(job, before):
        log.info("the study at %s already has this result; its application will end at once", address)
    if job.warm_start is not None and before.starts is None:
        check_warm_start(job.warm_start, in_cluster=True)
    begin_study(context, address, task.storage)
    spec = write_files(job)
    return {
        "study": address,
        "application": _read_by_service(f"{job.drivers_address}/{NAME}", task.scheme),
        "arguments": ["--study", job.drivers_address, "--spec-sha256", spec],
    }


def write_files(job: Job) -> str:
    """Write the spec and the application of a job with a spec; return the hash of the spec."""
    assert job.spec is not None
    code = job.code.files if job.code is not None else {}
    shipped = zipped({**dict(package_files()), **code})
    write_spec(job.address, job.spec)
    application = _APPLICATION.format(code=base64.encodebytes(shipped).decode())
    open_storage(job.address).write(NAME, application.encode())
    return spec_sha256(job.spec)


def _read_by_service(address: str, scheme: str | None) -> str:
    """Return an address with another scheme.

    >>> _read_by_service("s3://lake/x.py", "s3a"), _read_by_service("/data/x.py", None)
    ('s3a://lake/x.py', '/data/x.py')
    """
    return address if scheme is None else re.sub(r"^[^:/]+(?=://)", scheme, address)
