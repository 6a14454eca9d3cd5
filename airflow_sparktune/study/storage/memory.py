"""A study in memory, for scripts and tests that do not keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class MemoryStorage:
    """Files by name that exist as long as this object."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files = dict(files or {})

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def create(self, name: str, data: bytes) -> bool:
        return self.files.setdefault(name, data) is data

    def read(self, name: str) -> bytes:
        try:
            return self.files[name]
        except KeyError:
            raise FileNotFoundError(f"no file {name} in memory") from None

    def names(self, folder: str) -> list[str]:
        below = f"{folder}/" if folder else ""
        return sorted({name[len(below) :].split("/")[0] for name in self.files if name.startswith(below)})

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            self.files.pop(name, None)
