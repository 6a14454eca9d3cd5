"""Read a spec file: JSON or YAML whose keys are the operator's argument names."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from airflow_sparktune.errors import SpecError

# PyYAML follows YAML 1.1, which reads such numbers as text.
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")


def read_written_spec(path: Path) -> dict[str, Any]:
    """Read keys and values from the file, or from standard input if it is `-`.

    Raises SpecError if the file cannot be read, or does not hold keys and values.
    """
    try:
        text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise SpecError(f"the spec file must be readable, got {error.strerror} for {path}") from None
    try:
        found = json.loads(text)
    except ValueError:
        found = _read_yaml(text)
    if not isinstance(found, dict):
        raise SpecError(f"a spec file must hold keys and values, got {type(found).__name__} in {path}")
    return found


def _read_yaml(text: bytes) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """A loader that reads numbers as JSON does."""

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise SpecError(f"the spec file must be JSON or YAML, got: {error}") from None
