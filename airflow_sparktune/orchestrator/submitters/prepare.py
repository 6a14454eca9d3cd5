"""`prepare_study`: write what a study's application needs, for an operator of any service to submit it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_sparktune import connections
from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.arguments import SPEC_ARGUMENTS, require_grouped, with_plain_groups
from airflow_sparktune.orchestrator.checks.literals import check_literals
from airflow_sparktune.orchestrator.final_errors import final_errors
from airflow_sparktune.orchestrator.task.study_task import StudyTask
from airflow_sparktune.study.json_values import shown

connections.register()

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


class PrepareStudyOperator(StudyTask, BaseOperator):
    """The task of `prepare_study`."""

    template_fields: Sequence[str] = (*SPEC_ARGUMENTS, "storage")

    def __init__(
        self,
        *,
        objective: str | None = None,
        space: Any = None,
        max_evals: int | str | None = None,
        objective_kwargs: Mapping[str, Any] | None = None,
        maximize: str | None = None,
        algo: str | None = None,
        pruner: str | None = None,
        parallelism: int | str | None = None,
        timeout: Any = None,
        seed: int | str | None = None,
        points_to_evaluate: Any = None,
        segment: str | None = None,
        limits: Any = None,
        retuning: Any = None,
        warm_start: Any = None,
        execution: Any = None,
        storage: str | None = None,
        scheme: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in SPEC_ARGUMENTS}
        require_grouped(kwargs)
        super().__init__(**kwargs)
        for argument, value in with_plain_groups(given).items():
            setattr(self, argument, value)
        self.storage = storage
        if scheme is not None and not _SCHEME.fullmatch(scheme):
            raise SpecError(f"scheme must be the name of a scheme, got {shown(scheme)}; write s3a")
        self.scheme = scheme
        check_literals(self)

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the files; return the addresses of the study and of its application, and the arguments."""
        from airflow_sparktune.orchestrator.submitters.files import prepare

        with final_errors():
            prepared = prepare(self, context)
        for key in ("application", "arguments"):
            context["ti"].xcom_push(key=key, value=prepared[key])
        return prepared


def prepare_study(
    *, task_id: str = "prepare", scheme: str | None = None, **kwargs: Any
) -> PrepareStudyOperator:
    """Return the task that prepares a study for an operator of Databricks, EMR, Dataproc or another service.

    Its XComs are `study`, the address of the study; `application`, that of the program to submit; and
    `arguments`, a list of texts to start it with. They need no further file: the program brings this package
    and the user's code. The task checks all that SparkTuneOperator checks before it submits.

    :param scheme: the scheme by which the service reads the storage, if it has another name there: `s3a`
        for an open-source Spark that reads `s3://`
    :param kwargs: the arguments of SparkTuneOperator that describe the study, `storage`, and the arguments of
        every task
    """
    return PrepareStudyOperator(task_id=task_id, scheme=scheme, **kwargs)
