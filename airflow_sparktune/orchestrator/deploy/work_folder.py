"""Makes the folder of one attempt on the submitting machine, and removes it with the attempt."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "sparktune-"
# Locked as long as its folder's owner lives: a pid would say nothing where containers share the folder.
_LOCK = "owner.lock"


@contextmanager
def work_folder() -> Iterator[Path]:
    """Make a work folder and remove it at the end; also remove those whose owner was killed."""
    _remove_orphans()
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        new = Path(name, "new.lock")
        with new.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            new.rename(new.with_name(_LOCK))  # only now: nobody finds it unlocked
            yield Path(name)


def _remove_orphans() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):  # its owner lives, or another process removes it too
            if path.parent.lstat().st_uid == os.getuid():
                with path.open() as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path.parent, ignore_errors=True)
