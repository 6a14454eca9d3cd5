"""Read a spec file: JSON or YAML whose keys are the operator's arguments for a study."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.journal.bounds import require_bounded, require_small
from airflow_sparktune.study.journal.decode import MOST_BYTES, decoded

_MERGE = "tag:yaml.org,2002:merge"
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
        found = decoded(text)
    except ValueError:
        found = _read_yaml(text)
    if not isinstance(found, dict):
        raise SpecError(f"a spec file must hold keys and values, got {type(found).__name__} in {path}")
    return found


def _read_yaml(text: bytes) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """A loader that reads numbers as JSON does."""

    def parts(node: Any) -> Iterable[Any]:
        if isinstance(node, yaml.MappingNode):
            # PyYAML would drop the first of two values. Merge keys ("<<") may be repeated.
            names = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = [name for (tag, name), count in Counter(names).items() if count > 1 and tag != _MERGE]
            if twice:
                raise ValueError(f"the key {twice[0]!r} twice in one object")
            return [part for pair in node.value for part in pair]
        return node.value if isinstance(node, yaml.SequenceNode) else ()

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
    try:
        if len(text) > MOST_BYTES:
            raise ValueError(f"it must have at most {MOST_BYTES} bytes")
        loader = Loader(text)
        node = loader.get_single_node()
        # Before values are made of the nodes: an alias is one node, but a merge key copies what it refers to.
        require_small(node, parts)
        found = None if node is None else loader.construct_document(node)
        require_bounded(found)
    except RecursionError:
        raise SpecError("the spec file must be JSON or YAML, got values that are nested too deep") from None
    except yaml.YAMLError as error:
        raise SpecError(f"the spec file must be JSON or YAML, got: {error}") from None
    # PyYAML's constructors raise these, for example for `!!bool maybe` or an integer of 5,000 digits.
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        reason = str(error).partition(";")[0]
        raise SpecError(f"the spec file must hold values that can be read, got: {reason}") from None
    return found
