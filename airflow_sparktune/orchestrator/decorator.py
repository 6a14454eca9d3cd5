"""`@task.sparktune`: the decorated function is the objective."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory
from airflow.sdk.definitions.context import KNOWN_CONTEXT_KEYS

from airflow_sparktune.orchestrator.deploy.user_code import UserCode, with_imports
from airflow_sparktune.orchestrator.operator import SparkTuneOperator
from airflow_sparktune.orchestrator.task_study import code_bases
from airflow_sparktune.study.signature import EXTRAS

if TYPE_CHECKING:
    from airflow.sdk import Context

# The module that the function's source becomes.
MODULE = "sparktune_objective"


def sparktune_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Make the decorated function the objective of a SparkTuneOperator.

    As with Airflow's other decorators that run elsewhere, the function's source travels: it imports what
    it needs inside. Its first parameter gets the params, one named `trial` the trial; the others are
    given where the task is called.
    """

    def decorate(function: Callable[..., Any]) -> TaskDecorator:
        function.__signature__ = _signature_to_call(function)  # type: ignore[attr-defined]
        return task_decorator_factory(
            python_callable=function,
            # The best params are one value, whatever the function's annotation says.
            multiple_outputs=False,
            decorated_operator_class=DecoratedSparkTuneOperator,
            **kwargs,
        )

    if python_callable is None:
        return decorate  # type: ignore[return-value]  # Airflow's own factories return one here too
    return decorate(python_callable)


def _signature_to_call(function: Callable[..., Any]) -> inspect.Signature:
    """Return the function's signature as a DAG calls it: without what the executor fills in."""
    signature = inspect.signature(function)
    first, *others = signature.parameters.values() or [None]
    kept = [parameter for parameter in others if parameter is not None and parameter.name not in EXTRAS]
    if first is not None and first.kind is inspect.Parameter.VAR_POSITIONAL:
        kept = [first, *kept]
    return signature.replace(parameters=kept, return_annotation=inspect.Signature.empty)


class DecoratedSparkTuneOperator(DecoratedOperator, SparkTuneOperator):
    """The task that `@task.sparktune` makes."""

    custom_operator_name = "@task.sparktune"
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *SparkTuneOperator.template_fields)

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        objective = f"{MODULE}:{python_callable.__name__}"
        super().__init__(python_callable=python_callable, **{**kwargs, "objective": objective})

    def execute(self, context: Context) -> Any:
        self.objective_kwargs = {**(self.objective_kwargs or {}), **self._arguments(context)}
        return super().execute(context)

    def _gather_code(
        self, given: Mapping[str, Any], context: Context
    ) -> tuple[dict[str, Any], UserCode | None]:
        others = {name: value for name, value in given.items() if name != "objective"}
        named, code = super()._gather_code(others, context)
        function: str = self.get_python_source()  # type: ignore[no-untyped-call]  # Airflow's
        # An annotation may name what only the DAG file imports: none is evaluated.
        source = f"from __future__ import annotations\n\n\n{function}"
        own = with_imports({f"{MODULE}.py": source.encode()}, bases=tuple(code_bases(context)))
        files = {**(code.files if code is not None else {}), **own}
        return {**named, "objective": self.objective}, UserCode(files)

    def _segment_arguments(self) -> dict[str, Any]:
        others = {k: v for k, v in super()._segment_arguments().items() if k != "objective_kwargs"}
        return {**others, "op_kwargs": dict(self.op_kwargs)}

    def _arguments(self, context: Context) -> dict[str, Any]:
        """Return the call's arguments by name, and the context values that the function asks for."""
        signature = inspect.signature(self.python_callable)
        wanted = [name for name in signature.parameters if name in KNOWN_CONTEXT_KEYS]
        from_context = {name: context[name] for name in wanted if name in context}  # type: ignore[literal-required]
        given = signature.bind_partial(*self.op_args, **self.op_kwargs)
        arguments = dict(given.arguments)
        for parameter in signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                arguments.update(arguments.pop(parameter.name, {}))
        return {**from_context, **arguments}
