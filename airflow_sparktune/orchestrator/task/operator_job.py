"""The job of an operator's driver: one study, many segments, or a user's script.

Only a worker imports this file, because a DAG processor imports all that an operator imports at each parse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.checks.lookup import brings_code
from airflow_sparktune.orchestrator.deploy.job import Job
from airflow_sparktune.orchestrator.deploy.user_code import find_script, script_imports
from airflow_sparktune.orchestrator.operator import SparkTuneOperator
from airflow_sparktune.orchestrator.secrets import refuse_secrets
from airflow_sparktune.orchestrator.segments.arguments import require_no_segments, segments_of
from airflow_sparktune.orchestrator.task.instance import code_bases, segment_of
from airflow_sparktune.orchestrator.task.study_job import StudyJob
from airflow_sparktune.study.definition import SCRIPT, Spec, nested
from airflow_sparktune.study.segments import parse_segments


@dataclass(frozen=True, slots=True)
class OperatorJob(StudyJob):
    """Creates the driver's job for an operator, which also runs segments and scripts."""

    task: SparkTuneOperator

    def job(self, address: str, given: Mapping[str, Any]) -> Job:
        """Return the driver's job: the user's script, or a spec with its segments and its code."""
        task, made = self.task, self.at(address, given)
        if task.application:
            require_no_segments(task)
            beside = [name for name in given if name not in SCRIPT]
            bases = code_bases(self.context)
            script = find_script(task.application, task.application_args or (), beside=beside, bases=bases)
            code = script_imports(script[0], bases=bases)
            return made(script=script, code=code, retuning=self._script_fields(given))
        if task.application_args:
            raise SpecError(
                f"application_args must go with an application, got {task.application_args!r} without one; "
                "pass arguments of an objective as objective_kwargs"
            )
        segments = () if task.segments is None else parse_segments("segments", task.segments)
        elsewhere = brings_code(task.conf, *task.brought_files)
        spec, code = self.spec(given, segments=segments, elsewhere=elsewhere)
        return made(spec=spec, code=code, segments=segments_of(task, self.context, spec))

    def _script_fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked fields for the spec of a script, by name; empty if none is set."""
        if not given:
            return {}
        fields = {**given, **self.of_the_task(given)}
        checked = Spec.unbounded(**nested({"objective": "script:fmin", "space": "script:SPACE", **fields}))
        if checked.rule.confirm.objective_kwargs:
            raise SpecError(
                "retuning.confirm.objective_kwargs must be left out with an application, because a script "
                "passes the objective's arguments itself"
            )
        values = checked.values()
        refuse_secrets(values)
        return {name: values[name] for name in fields}

    @property
    def segment(self) -> str | None:
        """Return the name of the segment that the study tunes; each of several has its own."""
        if self.task.segments is not None:
            return self.task.segment
        return segment_of(self.context, self.task.segment, self.task.segment_arguments())
