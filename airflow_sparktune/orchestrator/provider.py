"""The provider metadata that Airflow discovers: operators, decorator, links, configuration."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider metadata; `package-name` must be the distribution's canonical name.

    The plugins are registered by their entry points. Named here too, Airflow would report each as a duplicate
    where `[core] lazy_load_providers` is off.
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
        "extra-links": ["airflow_sparktune.orchestrator.spark_ui.SparkUiLink"],
        "task-decorators": [
            {
                "name": "sparktune",
                "class-name": "airflow_sparktune.orchestrator.decorator.sparktune_task",
            }
        ],
        "config": {
            "sparktune": {
                "description": "Where tuning studies are kept.",
                "options": {
                    "storage": {
                        "description": (
                            "The folder, or the URL that fsspec knows, under which each tuning task has "
                            "its study. Workers, Spark driver and API server must all reach it. "
                            "Left empty: the folder sparktune in AIRFLOW_HOME."
                        ),
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "s3://my-bucket/sparktune",
                        "default": "",
                    },
                    "more_storage": {
                        "description": (
                            "Further storage roots, separated by commas, that operators name with storage=; "
                            "the Tuning page opens studies under the roots that are named here only."
                        ),
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "/mnt/teams/churn/sparktune",
                        "default": "",
                    },
                    "storage_group": {
                        "description": (
                            "A group of this machine's users that may read a local storage, whatever the "
                            "umask: for an API server that runs as another user than the tasks. The tasks' "
                            "user must be a member."
                        ),
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "sparktune",
                        "default": "",
                    },
                },
            }
        },
    }
