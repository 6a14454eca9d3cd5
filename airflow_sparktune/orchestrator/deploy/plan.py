"""Show what a job would submit, with secrets masked, without submitting it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from airflow_sparktune.orchestrator.deploy.job import Job
from airflow_sparktune.orchestrator.deploy.launcher import Launcher
from airflow_sparktune.orchestrator.deploy.run import has_result, prepared
from airflow_sparktune.orchestrator.deploy.spark_conf import REDACTION
from airflow_sparktune.orchestrator.segments.application import SegmentsJob
from airflow_sparktune.study.study import Study

HIDDEN = "***"
# The login in a URL: from the two slashes to the last @ before a path.
_LOGIN = re.compile(r"(?<=://)[^/\s]*@")
_SECRET = re.compile(REDACTION)
# What a value has that is more than one word or path: options, or JSON.
_PARTS = re.compile(r"[=\"\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A submission as plain data; `user_code` are the files that the zip of that name holds.

    `spec` is that of a study, or what the `segments` have in common.
    """

    study: str
    standing: str
    spec: Mapping[str, Any]
    segments: tuple[str, ...]
    command: tuple[str, ...]
    user_code: tuple[str, ...]
    conf: Mapping[str, str]
    environment: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the plan as a JSON object."""
        return asdict(self)

    def text(self) -> str:
        """Return the plan as lines of text: what a person checks before the first run."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"study: {self.study} ({self.standing})"
        if self.segments:
            yield f"{len(self.segments)} segments: {', '.join(self.segments)}"
        yield f"command: {shlex.join(self.command)}"
        yield f"user code: {', '.join(self.user_code) or 'none is shipped'}"
        for title, items in (
            ("spec", self.spec),
            ("settings", self.conf),
            ("environment", self.environment),
        ):
            yield f"{title}:"
            yield from (f"  {name} = {value}" for name, value in items.items() if value is not None)


def plan(job: Job, *, before: Study, launcher: Callable[[], Launcher]) -> Plan:
    """Check a job as `run_job` does, and return what it would submit; nothing is started or written.

    `before` is the current study. Raises what `run_job` raises before it submits.
    """
    standing = _standing(job, before)
    with prepared(job, before=before, launcher=launcher()) as submission:
        return Plan(
            study=job.drivers_address,
            standing=standing,
            spec=job.spec.values() if job.spec is not None else dict(job.retuning),
            segments=job.segments.names if job.segments is not None else (),
            command=tuple(_masked_words(submission.command)),
            user_code=tuple(sorted(job.code.files)) if job.code is not None else (),
            conf=masked(submission.conf),
            environment=masked(submission.environment),
        )


def masked(values: Mapping[str, str]) -> dict[str, str]:
    """Return settings or variables with secrets hidden: by name, inside the value, and logins in URLs.

    >>> masked({"spark.hadoop.fs.s3a.secret.key": "hunter2", "spark.eventLog.dir": "s3a://ann:pw@logs/x"})
    {'spark.eventLog.dir': 's3a://***@logs/x', 'spark.hadoop.fs.s3a.secret.key': '***'}
    >>> masked({"LOGIN": '{"password": "hunter2"}', "KEYS": "/etc/keys/password"})
    {'KEYS': '/etc/keys/password', 'LOGIN': '***'}
    """
    return {
        name: HIDDEN if _SECRET.search(name) else _masked(value)
        for name, value in sorted(values.items())
        if value
    }


def _masked_words(words: Sequence[str]) -> Iterator[str]:
    """Yield the words of a command line; the one after an option whose name suggests a secret is hidden."""
    for option, word in pairwise(["", *words]):
        names_secret = option.startswith("-") and "=" not in option and _SECRET.search(option)
        yield HIDDEN if names_secret else _masked(word)


def _masked(text: str) -> str:
    return HIDDEN if _PARTS.search(text) and _SECRET.search(text) else _LOGIN.sub(f"{HIDDEN}@", text)


def _standing(job: Job, study: Study) -> str:
    if job.segments is not None:
        left = SegmentsJob.of(job, job.segments).left
        return f"{len(left)} of {len(job.segments.names)} segments to run"
    if has_result(job, study):
        return "already has this result"
    if not study.attempts:
        return "new"
    return f"continues after {study.finished} finished trials"
