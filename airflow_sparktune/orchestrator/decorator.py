"""`@task.sparktune`: use the decorated function as the objective."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory
from airflow.sdk.definitions.context import KNOWN_CONTEXT_KEYS

from airflow_sparktune.orchestrator.arguments import with_plain_groups
from airflow_sparktune.orchestrator.checks.free_names import require_self_contained
from airflow_sparktune.orchestrator.deploy.user_code import UserCode, with_imports
from airflow_sparktune.orchestrator.operator import SparkTuneOperator
from airflow_sparktune.orchestrator.task.instance import code_bases
from airflow_sparktune.study.signature import EXTRAS

# The name of the module that the function's source becomes.
MODULE = "sparktune_objective"


def sparktune_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Use the decorated function as the objective of a SparkTuneOperator.

    As with Airflow's other decorators for remote execution, the source of the function is sent, so the
    function must import what it needs inside. Its first parameter gets the params; a parameter named `trial`
    gets the trial. The other arguments are given where the task is called.
    """

    def decorate(function: Callable[..., Any]) -> TaskDecorator:
        function.__signature__ = _signature_to_call(function)  # type: ignore[attr-defined]
        return task_decorator_factory(
            python_callable=function,
            # The best params are one value, even if the function's return annotation is a dict.
            multiple_outputs=False,
            decorated_operator_class=DecoratedSparkTuneOperator,
            **with_plain_groups(kwargs),
        )

    if python_callable is None:
        return decorate  # type: ignore[return-value]  # as Airflow's own factories do
    return decorate(python_callable)


def _signature_to_call(function: Callable[..., Any]) -> inspect.Signature:
    """Return the function's signature for calls in a DAG: without the parameters filled in on executors."""
    signature = inspect.signature(function)
    first, *others = signature.parameters.values() or [None]
    kept = [parameter for parameter in others if parameter is not None and parameter.name not in EXTRAS]
    if first is not None and first.kind is inspect.Parameter.VAR_POSITIONAL:
        kept = [first, *kept]
    return signature.replace(parameters=kept, return_annotation=inspect.Signature.empty)


class DecoratedSparkTuneOperator(DecoratedOperator, SparkTuneOperator):
    """The operator of a `@task.sparktune` task."""

    custom_operator_name = "@task.sparktune"
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *SparkTuneOperator.template_fields)

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        objective = f"{MODULE}:{python_callable.__name__}"
        super().__init__(python_callable=python_callable, **{**kwargs, "objective": objective})

    def execute(self, context: Context) -> Any:
        self.objective_kwargs = {**(self.objective_kwargs or {}), **self._arguments(context)}
        return super().execute(context)

    def gather_code(
        self, given: Mapping[str, Any], context: Context
    ) -> tuple[dict[str, Any], UserCode | None]:
        others = {name: value for name, value in given.items() if name != "objective"}
        named, code = super().gather_code(others, context)
        function: str = self.get_python_source()  # type: ignore[no-untyped-call]  # Airflow's
        # Annotations may refer to imports of the DAG file, so they must not be evaluated.
        source = f"from __future__ import annotations\n\n\n{function}"
        require_self_contained(self.python_callable.__name__, source)
        own = with_imports({f"{MODULE}.py": source.encode()}, bases=code_bases(context))
        files = {**(code.files if code is not None else {}), **own}
        return {**named, "objective": self.objective}, UserCode(files)

    def segment_arguments(self) -> dict[str, Any]:
        others = {k: v for k, v in super().segment_arguments().items() if k != "objective_kwargs"}
        return {**others, "op_kwargs": dict(self.op_kwargs)}

    def _arguments(self, context: Context) -> dict[str, Any]:
        """Return the arguments of the call by name, with the context values that the function asks for."""
        signature = inspect.signature(self.python_callable)
        wanted = [name for name in signature.parameters if name in KNOWN_CONTEXT_KEYS]
        from_context = {name: context[name] for name in wanted if name in context}  # type: ignore[literal-required]
        given = signature.bind_partial(*self.op_args, **self.op_kwargs)
        arguments = dict(given.arguments)
        for parameter in signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                arguments.update(arguments.pop(parameter.name, {}))
        return {**from_context, **arguments}
