"""List all files below an open folder, without following a link."""

from __future__ import annotations

import os
from collections.abc import Iterator

TEMPORARY = ".tmp-"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# The files of a study are seven folders below the root of its storage.
_DEEPEST = 8


def files_below(folder: int, path: str = "", depth: int = _DEEPEST) -> Iterator[str]:
    """Yield the paths of the files below a folder, given as a file descriptor, in the order of their names.

    A folder that cannot be opened is given itself, with a slash at its end.
    """
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in found:
        if not is_folder:
            if not name.startswith(TEMPORARY):
                yield f"{path}{name}"
        elif depth:
            try:
                below = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            except (FileNotFoundError, NotADirectoryError):  # someone has just removed it
                continue
            except OSError:
                yield f"{path}{name}/"
                continue
            try:
                yield from files_below(below, f"{path}{name}/", depth - 1)
            finally:
                os.close(below)
