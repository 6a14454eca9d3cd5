"""The provider metadata that Airflow discovers: operators, decorator, links, configuration."""

from __future__ import annotations

from typing import Any

# The options of the section `sparktune` in Airflow's configuration, with an example of each.
_OPTIONS = {
    "storage": (
        "The folder or fsspec URL that holds the studies of all tuning tasks. Workers, the Spark driver and "
        "the API server must all reach it. Default: the folder sparktune in AIRFLOW_HOME.",
        "s3://my-bucket/sparktune",
    ),
    "more_storage": (
        "Further storage roots, separated by commas, for operators with storage=. The Tuning page opens only "
        "studies under the roots listed here and in storage.",
        "/mnt/teams/churn/sparktune",
    ),
    "storage_group": (
        "The group of users on this machine that may read a local storage, regardless of the umask. Set it "
        "if the API server runs as another user than the tasks. The tasks' user must be a member.",
        "sparktune",
    ),
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider metadata; `package-name` must be the distribution's canonical name.

    Plugins are registered by entry points and not here: with `[core] lazy_load_providers` off, Airflow would
    report duplicates.
    """
    return {
        "package-name": "airflow-sparktune",
        "name": "Sparktune",
        "description": "Hyperparameter retuning on Spark: one single-task job per configuration, resumable.",
        "integrations": [
            {
                "integration-name": "Sparktune",
                "how-to-guide": ["/docs/get-started/airflow.md", "/docs/reference/operator.md"],
                "tags": ["software"],
            }
        ],
        "operators": [
            {
                "integration-name": "Sparktune",
                "python-modules": ["airflow_sparktune.orchestrator.operator"],
            }
        ],
        "extra-links": ["airflow_sparktune.orchestrator.links.SparkUiLink"],
        "task-decorators": [
            {
                "name": "sparktune",
                "class-name": "airflow_sparktune.orchestrator.decorator.sparktune_task",
            }
        ],
        "config": {
            "sparktune": {
                "description": "The storage of tuning studies.",
                "options": {
                    name: {
                        "description": description,
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": example,
                        "default": "",
                    }
                    for name, (description, example) in _OPTIONS.items()
                },
            }
        },
    }
