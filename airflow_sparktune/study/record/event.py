"""The content of the asset event that a change of production emits, and with which a training runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sparktune.study.retuning.decision import Measured


def event_content(
    *,
    decision: str | None,
    reason: str | None,
    params: Mapping[str, Any] | None,
    loss: float | None,
    score: float | None,
    segment: str | None,
    study: str | None,
    winner: Measured | None = None,
) -> dict[str, Any]:
    """Return the content of an event as plain JSON.

    `params` are the hyperparameters to train with. `score` is None without `maximize`. `difference` is by how
    much the new champion's loss is lower than the old one's, or its score higher. `loss_error` and
    `difference_error` are standard errors. These three are those of `winner`, and None without one.
    """
    return {
        "decision": decision,
        "reason": reason,
        "params": params,
        "loss": loss,
        "score": score,
        "loss_error": winner.std_error if winner else None,
        "difference": winner.difference if winner else None,
        "difference_error": winner.difference_error if winner else None,
        "segment": segment,
        "study": study,
    }
