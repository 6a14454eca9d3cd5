"""A study in a local folder."""

from __future__ import annotations

import errno
import grp
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.storage.base import (
    MOST_BYTES,
    kind_of,
    readable,
    removable,
    warn_not_exclusive,
    writable,
)
from airflow_sparktune.study.storage.walk import FOLDER as _FOLDER
from airflow_sparktune.study.storage.walk import TEMPORARY as _TEMPORARY
from airflow_sparktune.study.storage.walk import files_below

# A temporary file this old was left by a killed writer: writing one takes seconds at most.
_ABANDONED_S = 600.0
# O_NONBLOCK, because opening a FIFO for reading would wait for a writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# The folder's group may read it, and new files in it belong to that group.
_SHARED = stat.S_ISGID | stat.S_IRGRP | stat.S_IXGRP
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# The file system has no hard links: FAT, some network and FUSE file systems.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
# The name exists, but is not a regular file or folder: e.g. a link or a socket.
_FOREIGN = (errno.ELOOP, errno.ENXIO)


class LocalStorage:
    """A folder on disk; a file is written to a temporary name, synced and renamed.

    Others may write into the folder too, so no link below it is followed, and only regular files are read.
    New files and folders get the access rights of their parent folder minus the umask. In a folder with the
    setgid bit (see `share`) they belong to its group, whose rights the umask does not reduce.
    """

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)
        self._swept = False

    def write(self, name: str, data: bytes) -> None:
        path = PurePosixPath(name)
        with writable(self._root / name):
            self._sweep()
            try:
                self._write(path, data)
            except FileNotFoundError:  # someone has just removed the folder
                self._write(path, data)

    def create(self, name: str, data: bytes) -> bool:
        path = PurePosixPath(name)
        with writable(self._root / name):
            self._sweep()
            with self._folder(path.parent, create=True) as folder:
                try:
                    _write(folder, path.name, data, replace=False)
                except FileExistsError:
                    return False
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    warn_not_exclusive(str(self._root))
                    if path.name in os.listdir(folder):  # noqa: PTH208 - pathlib takes no file descriptors
                        return False
                    _write(folder, path.name, data)
                    return _read(folder, path.name) == data
        return True

    def read(self, name: str) -> bytes:
        path = PurePosixPath(name)
        with readable(self._root / name):
            try:
                with self._folder(path.parent) as folder:
                    return _read(folder, path.name)
            except OSError as error:
                if isinstance(error, NotADirectoryError) or error.errno in _FOREIGN:
                    raise FileNotFoundError(f"no regular file {self._root / name}") from error
                raise

    def names(self, folder: str) -> list[str]:
        found = self._list(folder, os.listdir)
        return sorted(name for name in found if not name.startswith(_TEMPORARY))

    def tree(self, folder: str) -> list[str]:
        """List the files in a folder and below it by their paths in it; follows no link.

        A folder that cannot be listed is in the list itself, with a slash at its end.
        """
        return self._list(folder, files_below)

    def remove(self, names: Sequence[str]) -> None:
        for path in map(PurePosixPath, names):
            with removable(self._root / path), self._folder(path.parent) as folder:
                os.unlink(path.name, dir_fd=folder)

    def clear(self, *, within: str) -> None:
        """Remove the folder with its contents, and its parent folders below `within` if they are empty."""
        top = Path(within.removeprefix("file://"))
        with removable(self._root):
            shutil.rmtree(self._root)  # does not follow links
        with suppress(OSError):  # a folder that is not empty
            for above in self._root.parents:
                if top not in above.parents:
                    break
                above.rmdir()

    def modified(self, name: str) -> float | None:
        """Return when a file was written, by the clock of the file system."""
        try:
            return (self._root / name).lstat().st_mtime
        except OSError:
            return None

    def _list(self, folder: str, names: Callable[[int], Iterable[str]]) -> list[str]:
        """Return the names in an opened folder; none if there is no such folder."""
        with readable(self._root / folder):
            try:
                with self._folder(PurePosixPath(folder)) as opened:
                    return list(names(opened))
            except OSError as error:
                if isinstance(error, (FileNotFoundError, NotADirectoryError)) or error.errno in _FOREIGN:
                    return []
                raise

    def _write(self, path: PurePosixPath, data: bytes) -> None:
        with self._folder(path.parent, create=True) as folder:
            _write(folder, path.name, data)

    @contextmanager
    def _folder(self, path: PurePosixPath, *, create: bool = False) -> Iterator[int]:
        """Open a folder below the root, one path component at a time, so that no link is followed."""
        if create:
            _make_folders(self._root)
        folder = os.open(self._root, _FOLDER)
        try:
            for part in path.parts:
                if create:
                    _make_folder(folder, part)
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)

    def _sweep(self) -> None:
        """Remove the temporary files of killed writers, before this object's first write."""
        if self._swept:
            return
        self._swept = True
        for path in [*self._root.glob(f"{_TEMPORARY}*"), *self._root.glob(f"*/*/{_TEMPORARY}*")]:
            # Another attempt may remove them at the same time, and a failure does no harm.
            with suppress(OSError):
                if time.time() - path.lstat().st_mtime > _ABANDONED_S:
                    self.remove([str(path.relative_to(self._root))])


def share(root: str | Path, group: str) -> None:
    """Let a group of users read a folder and everything that is created in it from now on.

    Raises StorageError if there is no such group, or if this user may not change the folder's group.
    """
    path = Path(root)
    try:
        _make_folders(path)
        number = grp.getgrnam(group).gr_gid
        found = path.stat()
        if found.st_gid == number and found.st_mode & _SHARED == _SHARED:
            return
        os.chown(path, -1, number)
        path.chmod(stat.S_IMODE(found.st_mode) | _SHARED)
    except KeyError:
        raise StorageError(
            f"the group that a storage is shared with must be one of this machine's, got {group!r}; "
            "create it on each machine that runs tasks, or set another group"
        ) from None
    except OSError as error:
        raise kind_of(error)(
            f"the storage must be shared with the group {group}, got {error.strerror or error} for {path}; "
            f"have its owner run: chgrp {group} {path} && chmod g+rxs {path}"
        ) from error


def _make_folders(path: Path) -> None:
    """Make a folder and its missing parents."""
    if path.is_dir():
        return
    _make_folders(path.parent)
    above = os.open(path.parent, _FOLDER)
    try:
        _make_folder(above, path.name)
    finally:
        os.close(above)


def _make_folder(above: int, name: str) -> None:
    try:
        os.mkdir(name, _rights(above, 0o777), dir_fd=above)
    except FileExistsError:
        return
    made = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
    try:
        _share_like(above, made, 0o070)
    finally:
        os.close(made)


def _share_like(folder: int, made: int, most: int) -> None:
    """Give the group of a shared folder its rights to a new entry, regardless of the umask."""
    mode = os.fstat(folder).st_mode
    if mode & stat.S_ISGID:
        os.fchmod(made, stat.S_IMODE(os.fstat(made).st_mode) | mode & most)


def _write(folder: int, name: str, data: bytes, *, replace: bool = True) -> None:
    """Write a file; raises FileExistsError without `replace` if the name exists."""
    temporary = f"{_TEMPORARY}{secrets.token_hex(8)}"
    handle = os.open(temporary, _WRITE, _rights(folder, 0o666), dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            _share_like(folder, handle, 0o060)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            # Unlike opening the name with O_EXCL, this never shows a reader half a file.
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.unlink(temporary, dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    with suppress(OSError):  # the rename survives a power cut, if the file system supports that
        os.fsync(folder)


def _read(folder: int, name: str) -> bytes:
    handle = os.open(name, _READ, dir_fd=folder)
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
    with os.fdopen(handle, "rb") as file:
        if status.st_size > MOST_BYTES:
            raise StorageError(
                f"a file of a study must have at most {MOST_BYTES} bytes, got {status.st_size} for {name}; "
                "remove it: no driver wrote it"
            )
        return file.read()


def _rights(folder: int, most: int) -> int:
    """Return the access rights for a new entry of a folder, before the umask."""
    return os.fstat(folder).st_mode & most | (most & 0o600)
