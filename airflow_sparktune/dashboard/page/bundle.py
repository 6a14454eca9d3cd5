"""The page's modules as one script, because a report is a single file and cannot import others."""

from __future__ import annotations

import re

from airflow_sparktune.dashboard.page.assets import STATIC

# The forms that static/*.js use: one import per line, names in braces, exports of declarations only.
_IMPORT = re.compile(r'^import \{ (?P<names>[\w, ]+) \} from "\./(?P<module>[\w-]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (?P<name>\w+))", re.MULTILINE)


def bundle(entry: str) -> str:
    """Return the module and its imports as one script: a function for each, dependencies first."""
    modules: dict[str, str] = {}
    _collect(entry, modules)
    return "\n".join(["const modules = {};", *modules.values()])


def _collect(name: str, modules: dict[str, str]) -> None:
    if name in modules:
        return
    text = (STATIC / name).read_text(encoding="utf-8")
    for match in _IMPORT.finditer(text):
        _collect(match["module"], modules)
    names = [match["name"] for match in _EXPORT.finditer(text)]
    body = _EXPORT.sub("", _IMPORT.sub(r'const { \g<names> } = modules["\g<module>"];', text))
    modules[name] = f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {", ".join(names)} }};\n}})();'
