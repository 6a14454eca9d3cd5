"""Text without characters that a terminal would obey or cannot show."""

from __future__ import annotations

import unicodedata

# Replacements for spaces and separators of other widths, and for a lone surrogate.
_STAND_INS = {"Zs": " ", "Zl": " ", "Zp": " ", "Cs": "?"}


def printable(text: str, *, keep: str = "\n\t") -> str:
    """Return a text without characters that a terminal would obey or cannot show, except those in `keep`.

    >>> printable(f"{chr(27)}[31mred")
    '[31mred'
    """
    if text.isprintable():
        return text
    return "".join(
        each if each in keep or each.isprintable() else _STAND_INS.get(unicodedata.category(each), "")
        for each in text
    )


def one_line(text: str) -> str:
    """Return a text as one printable line.

    >>> one_line(f"ann{chr(10)}{chr(27)}[31mERROR")
    'ann [31mERROR'
    """
    return text if text.isprintable() else printable(" ".join(text.split()))
