"""Finds a user's program around SparkTrials, which runs in place of a spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_sparktune.errors import SpecError


def find_script(
    application: str, arguments: Sequence[Any], *, beside: Sequence[str], bases: Sequence[Path]
) -> tuple[str, ...]:
    """Return the program, from the first of `bases` that has it, and its arguments; a URL stays one.

    `beside` names the arguments of a spec that were given too: a script would ignore them. Raises SpecError.
    """
    if beside:
        raise SpecError(
            f"application must stand alone, got {application!r} beside {', '.join(beside)}; "
            "a script sets its own objective, space and limits"
        )
    tried = [Path(base, application) for base in bases]
    path = next((path for path in tried if path.is_file()), None)
    if path is None and ":/" not in application:
        raise SpecError(
            f"application must be a file, got {application!r} and found none of "
            f"{', '.join(map(str, tried))}; give a path relative to the DAG file's folder, or an absolute one"
        )
    return (str(path or application), *map(str, arguments))
