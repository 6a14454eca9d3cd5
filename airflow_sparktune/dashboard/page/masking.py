"""Hiding values by the name of their key, as Airflow hides them in connections and rendered fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Mask = Callable[..., Any]


def airflow_mask() -> Mask:
    """Airflow's `redact(value, name=None)`: text under a telling key becomes `***`; numbers stay.

    A number under such a key (`max_tokens`) is a parameter, not a secret.
    """
    from airflow._shared.secrets_masker import redact  # where the API server's own routes have it from

    return redact
