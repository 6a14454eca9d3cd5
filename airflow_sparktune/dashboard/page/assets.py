"""The pages, and their files: scripts and the style sheet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

STATIC = Path(__file__).parents[1] / "static"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

# The title of each page, the label of its actions, and the way from its address to the root of all pages.
_PAGES = {
    "study.html": ("Tuning", "This study", "../../../../"),
    "segments.html": ("Tuning of segments", "This application", "../../../../"),
    "history.html": ("Tuning history", "This page", "../../"),
    "compare.html": ("Compare studies", "This comparison", "../"),
    "studies.html": ("Tuning studies", "This page", ""),
}


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


def page(name: str, *, head: str | None = None, end: str = "", change_token: str | None = None) -> str:
    """Return an HTML page, with the token that its script sends with every change, if there is one.

    `head` takes the place of the links to the page's files, and `end` is put at the end of its body.
    """
    title, actions, root = _PAGES[name]
    links = [
        f'<link rel="stylesheet" href="{root}static/style.css">',
        f'<script type="module" src="{root}static/{name.removesuffix(".html")}.js"></script>',
    ]
    if change_token is not None:
        links.append(f'<meta name="sparktune-token" content="{change_token}">')
    frame, body = ((STATIC / each).read_text(encoding="utf-8") for each in ("frame.html", name))
    return Template(frame).substitute(
        title=title, actions=actions, body=body, end=end, head="\n    ".join(links) if head is None else head
    )
