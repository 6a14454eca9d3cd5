"""Create the work folder of an attempt on the submitting machine, and remove it at the end."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "sparktune-"
# Locked while the owner of the folder lives. A pid would be ambiguous if containers share the folder.
_LOCK = "owner.lock"


@contextmanager
def work_folder() -> Iterator[Path]:
    """Create a work folder, and remove it at the end; also remove folders whose owner was killed."""
    _remove_orphans()
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        new = Path(name, "new.lock")
        with new.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            new.rename(new.with_name(_LOCK))  # renamed after locking, so that it is never seen unlocked
            yield Path(name)


def _remove_orphans() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):  # its owner is alive, or another process is removing it
            if path.parent.lstat().st_uid == os.getuid():
                with path.open() as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path.parent, ignore_errors=True)
