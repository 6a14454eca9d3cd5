"""A Sphinx directive that prints the package's own declarations, so that no table is written twice.

```{generated} spec-fields
```
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import tables
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

TABLES: dict[str, Callable[[], str]] = {
    "spec-fields": tables.spec_fields,
    "operator-arguments": tables.operator_arguments,
    "after-fields": tables.after_fields,
    "confirm-fields": tables.confirm_fields,
    "resource-fields": tables.resource_fields,
    "limits": tables.limits,
    "identity": tables.identity,
    "configuration": tables.configuration,
    "errors": tables.errors,
    "commands": tables.commands,
}


class Generated(SphinxDirective):
    """Inserts the Markdown that a function of `tables` returns."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the text."""
        name = self.arguments[0]
        if name not in TABLES:
            raise self.error(f"the argument must be one of {', '.join(TABLES)}, got {name!r}")
        container = nodes.Element()
        lines = TABLES[name]().splitlines()
        self.state.nested_parse(StringList(lines, source=f"generated:{name}"), self.content_offset, container)
        return container.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True}
