"""A function that is sent as its source alone must define what it uses."""

from __future__ import annotations

import pytest

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.orchestrator.checks.free_names import require_self_contained

HEAD = "from __future__ import annotations\n\n"


@pytest.mark.parametrize(
    "body",
    [
        "import numpy as np; return np.zeros(len(params))",
        "from a import b as c; return c",
        "x: NotHere = 1; return x",
        "return tune(params) if params else __name__",
        "return [scale * i for scale, i in enumerate(params)]",
        "global seen; seen = 1; return seen",
        "inner = lambda q: q + params; return inner(1)",
        "class A:\n        y = 1\n        def m(self): return __class__, self.y\n    return A()",
        "exec('y = 1', globals()); return y",
        "try:\n        return 1\n    except ValueError as e:\n        raise RuntimeError(e) from e",
        "match params:\n        case {'x': x, **rest}: return x, rest",
        "if (n := len(params)): return n",
        "return (",
    ],
)
def test_a_function_that_has_what_it_uses(body: str) -> None:
    require_self_contained("tune", f"{HEAD}def tune(params: Gone, n=1) -> Gone:\n    {body}\n")


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("def tune(params):\n    return np.zeros(LIMIT)", "LIMIT, np"),
        ("def tune(params, n=LIMIT):\n    return n", "LIMIT"),
        ("@wrapped\ndef tune(params):\n    return 1", "wrapped"),
        ("def tune(params):\n    def inner():\n        return scale\n    return inner()", "scale"),
        ("def tune(params):\n    class A:\n        y = scale\n    return A", "scale"),
        ("def tune(params):\n    return [i * scale for i in params]", "scale"),
        ("def tune(params):\n    global seen\n    return seen", "seen"),
    ],
)
def test_a_function_that_uses_names_of_its_module(source: str, missing: str) -> None:
    with pytest.raises(ObjectiveError, match=f"must define or import .*, got {missing} from outside"):
        require_self_contained("tune", f"{HEAD}{source}\n")
