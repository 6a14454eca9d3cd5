"""The files of the page: its own, and plotly's JavaScript from the installed wheel."""

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
    """A file that is served, uncompressed and compressed, with its ETag."""

    data: bytes
    packed: bytes
    tag: str
    media_type: str


@cache
def files() -> dict[str, Path]:
    """Return every file that may be served, by name; other names are never looked up on disk."""
    own = {path.name: path for path in STATIC.iterdir() if path.suffix in _TYPES}
    return {**own, PLOTLY: plotly_path()}


def asset(name: str) -> Asset:
    """Return the file with this name, which must be in `files()`; a file is compressed once."""
    path = files()[name]
    return _read(path, path.stat().st_mtime_ns)


def page(name: str) -> str:
    """Return an HTML page; plotly's URL has its version, so that the browser can cache it."""
    text = (STATIC / name).read_text(encoding="utf-8")
    return text.replace("{plotly_version}", version("plotly"))


def plotly_path() -> Path:
    """Return the path of plotly's JavaScript, without importing plotly."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the page needs plotly, which this Python lacks; install plotly")
    return Path(spec.submodule_search_locations[0]) / "package_data" / PLOTLY


@lru_cache(maxsize=64)
def _read(path: Path, changed_ns: int) -> Asset:  # noqa: ARG001 - part of the cache key
    data = path.read_bytes()
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    return Asset(data, gzip.compress(data, 9), tag, _TYPES[path.suffix])
