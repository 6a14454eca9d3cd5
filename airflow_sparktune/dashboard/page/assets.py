"""The files of the page: its own, and plotly's JavaScript out of the installed wheel."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PLOTLY = "plotly.min.js"

STATIC = Path(__file__).parents[1] / "static"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served: as it is and compressed, with a tag by which a browser asks for changes."""

    data: bytes
    packed: bytes
    tag: str
    media_type: str


@cache
def files() -> dict[str, Path]:
    """Every file that may be served, by name; a name that is not in here has no way to the disk."""
    own = {path.name: path for path in STATIC.iterdir() if path.suffix in _TYPES}
    return {**own, PLOTLY: plotly_path()}


def asset(name: str) -> Asset:
    """The file called `name`, which must be one of `files()`; compressed once."""
    path = files()[name]
    return _read(path, path.stat().st_mtime_ns)


def page(name: str) -> str:
    """An HTML page; the version in plotly's address lets the browser keep it."""
    text = (STATIC / name).read_text(encoding="utf-8")
    return text.replace("{plotly_version}", version("plotly"))


def plotly_path() -> Path:
    """The path of plotly's JavaScript; found without importing plotly."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the page needs plotly, which this Python lacks; install plotly")
    return Path(spec.submodule_search_locations[0]) / "package_data" / PLOTLY


@lru_cache(maxsize=64)
def _read(path: Path, changed_ns: int) -> Asset:  # noqa: ARG001 - a changed file is another entry
    data = path.read_bytes()
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    return Asset(data, gzip.compress(data, 9), tag, _TYPES[path.suffix])
