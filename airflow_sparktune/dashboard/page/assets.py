"""The files of the page: its own, and plotly's JavaScript out of the installed wheel."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PLOTLY = "plotly.min.js"

STATIC = Path(__file__).parents[1] / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css"}


@cache
def files() -> dict[str, Path]:
    """Every file that may be served, by name; a name that is not in here has no way to the disk."""
    own = {path.name: path for path in STATIC.iterdir() if path.suffix in _TYPES}
    return {**own, PLOTLY: plotly_path()}


def media_type(path: Path) -> str:
    """The file's type for the browser."""
    return _TYPES[path.suffix]


def page(name: str) -> str:
    """An HTML page; the version in the addresses of its files lets the browser keep them."""
    text = (STATIC / name).read_text(encoding="utf-8")
    return text.replace("{plotly_version}", version("plotly"))


def plotly_path() -> Path:
    """Where plotly's JavaScript lies; found without importing plotly."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the page needs plotly, which this Python lacks; install plotly")
    return Path(spec.submodule_search_locations[0]) / "package_data" / PLOTLY
