"""The base of tasks whose arguments describe a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context

from airflow_sparktune.orchestrator.arguments import SPEC_ARGUMENTS
from airflow_sparktune.study.definition import GROUPS, given_fields

if TYPE_CHECKING:
    from airflow_sparktune.orchestrator.deploy.user_code import UserCode


class StudyTask:
    """Has the arguments of SPEC_ARGUMENTS as attributes, which `__init__` sets in a loop."""

    objective: str | None
    objective_kwargs: Mapping[str, Any] | None
    segment: str | None
    execution: Any
    storage: str | None

    template_fields_renderers: ClassVar[dict[str, str]] = {
        "objective_kwargs": "json",
        "space": "json",
        "points_to_evaluate": "json",
        "segments": "json",
        **dict.fromkeys(GROUPS, "json"),
    }

    def given_fields(self) -> dict[str, Any]:
        """Return the fields of the spec that the arguments set; raises SpecError."""
        return given_fields({name: getattr(self, name) for name in SPEC_ARGUMENTS})

    def segment_arguments(self) -> dict[str, Any]:
        """Return the arguments that identify an instance of a mapped task."""
        return {name: getattr(self, name) for name in SPEC_ARGUMENTS}

    def gather_code(
        self, given: Mapping[str, Any], context: Context
    ) -> tuple[dict[str, Any], UserCode | None]:
        """Return the fields with each reference as `module:name`, and the code to ship."""
        from airflow_sparktune.orchestrator.deploy.user_code import gather_code
        from airflow_sparktune.orchestrator.task.instance import code_bases

        return gather_code(given, bases=code_bases(context))
