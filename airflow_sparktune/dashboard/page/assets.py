"""The files of the page: its scripts and its style sheet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that is served, with its ETag."""

    data: bytes
    tag: str
    media_type: str


@cache
def files() -> dict[str, Path]:
    """Return every file that may be served, by name; other names are never looked up on disk."""
    return {path.name: path for path in STATIC.iterdir() if path.suffix in _TYPES}


def asset(name: str) -> Asset:
    """Return the file with this name, which must be in `files()`."""
    path = files()[name]
    data = path.read_bytes()
    return Asset(data, f'"{hashlib.sha256(data).hexdigest()[:16]}"', _TYPES[path.suffix])


def page(name: str, *, change_token: str | None = None) -> str:
    """Return an HTML page, with the token that its script sends with every change, if there is one."""
    text = (STATIC / name).read_text(encoding="utf-8")
    if change_token is None:
        return text
    return text.replace("</head>", f'  <meta name="sparktune-token" content="{change_token}">\n  </head>', 1)
