"""The study that a task's arguments describe: its spec, the code to ship, and the job of its driver.

Only a worker imports this file, because a DAG processor imports all that an operator imports at each parse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow.sdk import Context

from airflow_sparktune.orchestrator.checks.lookup import check_references
from airflow_sparktune.orchestrator.deploy.job import Job
from airflow_sparktune.orchestrator.deploy.user_code import UserCode
from airflow_sparktune.orchestrator.secrets import refuse_secrets
from airflow_sparktune.orchestrator.task.generation import champions_of
from airflow_sparktune.orchestrator.task.instance import code_bases, moment_of, segment_of
from airflow_sparktune.orchestrator.task.study_task import StudyTask
from airflow_sparktune.study.definition import Execution, Spec, nested
from airflow_sparktune.study.record.earlier import address_in
from airflow_sparktune.study.segments import Segment
from airflow_sparktune.study.storage import without_connection


@dataclass(frozen=True, slots=True)
class StudyJob:
    """Creates the driver's job for the study that a task describes, in the context of a run."""

    task: StudyTask
    context: Context

    def job(self, address: str, given: Mapping[str, Any]) -> Job:
        """Return the driver's job: a spec and the code that it names; raises SpecError."""
        spec, code = self.spec(given)
        return self.at(address, given)(spec=spec, code=code)

    def at(self, address: str, given: Mapping[str, Any]) -> Callable[..., Job]:
        """Return the constructor of a job, with what a spec, a script and segments have in common."""
        execution = Execution.parse("execution", self.task.execution or {})
        return partial(
            Job,
            address=address,
            quiet=execution.log_level == "trials",
            open_ui=execution.open_spark_ui,
            warm_start=address_in(given.get("warm_start.points")),
        )

    def spec(
        self, given: Mapping[str, Any], *, segments: Sequence[Segment] = (), elsewhere: bool = False
    ) -> tuple[Spec, UserCode | None]:
        """Return the spec, and the code that it names; raises SpecError.

        `segments` are those that share it. `elsewhere` tells whether the task brings other code, too.
        """
        named, code = self.task.gather_code(given, self.context)
        bases = code_bases(self.context)
        check_references(named, code, bases=bases, elsewhere=elsewhere, segments=segments)
        own = {"code": code.sha256 if code is not None else None, **self.of_the_task(named)}
        spec = Spec.of(**nested({**named, **own}))
        refuse_secrets(spec.values())
        return spec, code

    def of_the_task(self, given: Mapping[str, Any]) -> dict[str, Any]:
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
        """Return the name of the segment that the study tunes, None for a study without one."""
        return segment_of(self.context, self.task.segment, self.task.segment_arguments())
