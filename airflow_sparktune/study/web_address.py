"""Check web addresses from a journal before they become links."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit


def web_address(value: Any) -> str | None:
    """Return `value` if it is an http or https address with a host, else None.

    Others may write to a journal, so `javascript:` addresses must not become links.

    >>> web_address("http://driver:4040"), web_address("javascript:alert(1)"), web_address("http://[x")
    ('http://driver:4040', None, None)
    """
    if not isinstance(value, str) or not value.isprintable():
        return None
    try:
        parts = urlsplit(value)
        return value if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None
