"""The pages of the documentation and README, and their code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

# A fenced block and the comment before it, if that says how the block is tested.
_BLOCK = re.compile(
    r"(?:<!-- (?P<note>needs Spark|not run: [^>]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_FILE = re.compile(r"# (\S+\.(?:py|yaml|yml|json))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block; `note` is the text of the comment before it."""

    page: Path
    language: str
    text: str
    note: str

    @property
    def file(self) -> str | None:
        """Return the file name in the first line of the block, if there is one."""
        match = _FILE.match(self.text)
        return match[1] if match else None

    @property
    def is_dag(self) -> bool:
        """Return whether the block is a DAG file."""
        return self.file is not None and "\n@dag(" in self.text

    @property
    def is_test(self) -> bool:
        """Return whether the block is a file of tests."""
        return (self.file or "").startswith("test_")

    def __str__(self) -> str:
        line = self.page.read_text().split(self.text)[0].count("\n") + 1
        return f"{self.page.relative_to(ROOT)}:{line}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page that name a language, in order."""
    for match in _BLOCK.finditer(page.read_text()):
        yield Block(page, match["language"], match["text"], match["note"] or "")


def all_blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages in these languages."""
    return [block for page in PAGES for block in blocks(page) if block.language in languages]
