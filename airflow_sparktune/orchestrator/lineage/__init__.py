"""Report the data sets and the result of a study to Airflow's lineage.

Data sets go to Airflow's own collector. The facet of the run needs the OpenLineage provider, and is omitted
without it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.lineage import get_hook_lineage_collector

from airflow_sparktune.study.journal.follow import read_study

log = logging.getLogger(__name__)


def collect_inputs(operator: BaseOperator, arguments: Any) -> None:
    """Report the data sets of a study: the inlets of its task, and the URLs in the objective's arguments.

    A URL that Airflow rejects is left out, because lineage must not fail a task.
    """
    collector = get_hook_lineage_collector()
    inlets = [inlet.uri for inlet in operator.inlets if isinstance(inlet, Asset)]
    for uri in dict.fromkeys([*inlets, *_addresses(arguments)]):
        try:
            # Airflow's annotation allows only hooks, but it accepts any object as the context.
            collector.add_input_asset(operator, uri=uri)  # type: ignore[arg-type]
        except ValueError as error:
            log.info("%s is left out of the lineage: %s", uri, error)


def study_facets(address: str | None) -> Any:
    """Return the OpenLineage facet of the study at an address: objective, space, result and decision.

    None if there is no study, or if the OpenLineage provider is not installed.
    """
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage

        from airflow_sparktune.orchestrator.lineage.facet import facet_of
    except ImportError:
        return None
    study = read_study(address).study if address else None
    if study is None or study.spec is None:
        return None
    return OperatorLineage(run_facets={"sparktune_study": facet_of(study, study.spec, address)})


def _addresses(value: Any) -> Iterator[str]:
    match value:
        case str() if "://" in value and not set(value) & set(" \n"):
            yield value
        case Mapping():
            for item in value.values():
                yield from _addresses(item)
        case list() | tuple():
            for item in value:
                yield from _addresses(item)
