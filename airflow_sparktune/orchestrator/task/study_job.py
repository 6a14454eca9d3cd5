"""The study that a task's arguments ask for: its spec, the code to ship, and the job of its driver.

Only a worker imports this file. What an operator imports is paid at each parse of a DAG.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.checks.lookup import brings_code, check_references
from airflow_sparktune.orchestrator.deploy.job import Job
from airflow_sparktune.orchestrator.deploy.user_code import UserCode, find_script, script_imports
from airflow_sparktune.orchestrator.secrets import refuse_secrets
from airflow_sparktune.orchestrator.segments.arguments import require_no_segments, segments_of
from airflow_sparktune.orchestrator.task.generation import champions_of
from airflow_sparktune.orchestrator.task.instance import code_bases, moment_of, segment_of
from airflow_sparktune.study.definition import SCRIPT, Execution, Spec, nested
from airflow_sparktune.study.record.earlier import address_in
from airflow_sparktune.study.segments import parse_segments
from airflow_sparktune.study.storage import without_connection

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sparktune.orchestrator.operator import SparkTuneOperator
    from airflow_sparktune.orchestrator.submitters.prepare import PrepareStudyOperator


@dataclass(frozen=True, slots=True)
class StudyJob:
    """Creates the driver's job from the arguments of a task, in the context of a run."""

    task: SparkTuneOperator | PrepareStudyOperator
    context: Context

    def job(self, address: str, given: Mapping[str, Any]) -> Job:
        """Return the driver's job: the user's script, or a spec and the code that it names."""
        task = self.task
        execution = Execution.parse("execution", task.execution or {})
        job = partial(
            Job,
            address=address,
            quiet=execution.log_level == "trials",
            open_ui=execution.open_spark_ui,
            warm_start=address_in(given.get("warm_start.points")),
        )
        if task.application:
            require_no_segments(task)
            beside = [name for name in given if name not in SCRIPT]
            bases = code_bases(self.context)
            script = find_script(task.application, task.application_args or (), beside=beside, bases=bases)
            code = script_imports(script[0], bases=bases)
            return job(script=script, code=code, retuning=self._script_fields(given))
        spec, code = self.spec(given)
        return job(spec=spec, code=code, segments=segments_of(task, self.context, spec))

    def _script_fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked fields for the spec of a script, by name; empty if none is set."""
        if not given:
            return {}
        fields = {**given, **self._of_the_task(given)}
        checked = Spec.unbounded(**nested({"objective": "script:fmin", "space": "script:SPACE", **fields}))
        if checked.rule.confirm.objective_kwargs:
            raise SpecError(
                "retuning.confirm.objective_kwargs must be left out with an application, because a script "
                "passes the objective's arguments itself"
            )
        values = checked.values()
        refuse_secrets(values)
        return {name: values[name] for name in fields}

    def spec(self, given: Mapping[str, Any]) -> tuple[Spec, UserCode | None]:
        """Return the spec, and the code that it names; raises SpecError."""
        task = self.task
        if task.application_args:
            raise SpecError(
                f"application_args must go with an application, got {task.application_args!r} without one; "
                "pass arguments of an objective as objective_kwargs"
            )
        named, code = task.gather_code(given, self.context)
        elsewhere = brings_code(task.conf, *task.brought_files)
        segments = () if task.segments is None else parse_segments("segments", task.segments)
        check_references(named, code, bases=code_bases(self.context), elsewhere=elsewhere, segments=segments)
        own = {"code": code.sha256 if code is not None else None, **self._of_the_task(named)}
        spec = Spec.of(**nested({**named, **own}))
        refuse_secrets(spec.values())
        return spec, code

    def _of_the_task(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the segment, the time of the data, and the addresses as the driver opens them."""
        found: dict[str, Any] = {
            "segment": self.segment,
            "champions": without_connection(champions_of(self.context, self.task.storage)),
            "moment": moment_of(self.context),
        }
        if isinstance(start := given.get("warm_start.points"), str):
            found["warm_start.points"] = without_connection(start)
        return found

    @property
    def segment(self) -> str | None:
        """Return the name of the segment that the study tunes, None for a study or segments without one."""
        if self.task.segments is not None:
            return self.task.segment
        return segment_of(self.context, self.task.segment, self.task.segment_arguments())
