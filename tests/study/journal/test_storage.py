from __future__ import annotations

import errno
import grp
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest

from airflow_sparktune.errors import StorageError, StorageUnavailable
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import FsspecStorage, LocalStorage, open_storage, share
from tests.study.journal_samples import follow, opened, trial, write

STEPS = ["os.fsync", "os.replace"]


class Killed(BaseException):
    """Simulates the end of the process: no code after it runs."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "study"


def dies(*args: Any, **kwargs: Any) -> None:
    raise Killed


def refuse(*args: Any, **kwargs: Any) -> Any:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def full(*args: Any, **kwargs: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_write_leaves_no_visible_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """If the writer is killed before the rename, the old file is intact and no new one is listed."""
    storage = LocalStorage(root)
    storage.write("folder/old", b"old")
    monkeypatch.setattr(step, dies)
    for name in ("folder/old", "folder/new"):
        with pytest.raises(Killed):
            storage.write(name, b"new")
    assert storage.names("folder") == ["old"]
    assert storage.read("folder/old") == b"old"


@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk(root: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A failed write raises StorageError with the system's reason, and leaves no temporary file."""
    storage = LocalStorage(root)
    storage.write("folder/old", b"old")
    monkeypatch.setattr(step, full)
    with pytest.raises(StorageError, match=r"must be writable, got No space left .* choose another storage"):
        storage.write("folder/old", b"new")
    assert [entry.name for entry in (root / "folder").iterdir()] == ["old"]
    assert storage.read("folder/old") == b"old"


def test_a_write_that_fails_and_cannot_clean_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is that of the write, not that of the clean-up."""
    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("os.unlink", refuse)
    with pytest.raises(StorageError, match="No space left"):
        LocalStorage(root).write("file", b"")


def test_a_folder_that_is_removed_during_a_write(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a driver would end, with results that are in its memory only."""
    replace, removed = os.replace, iter([True])

    def remove_first(*args: Any, **more: Any) -> None:
        if next(removed, False):
            shutil.rmtree(root)
        replace(*args, **more)

    monkeypatch.setattr("os.replace", remove_first)
    storage = LocalStorage(root)
    storage.write("folder/file", b"new")
    assert storage.read("folder/file") == b"new"


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_the_time_of_a_write(root: Path, scheme: str) -> None:
    before = time.time()
    storage = open_storage(f"{scheme}{root}")
    storage.write("file", b"")
    at = storage.modified("file")
    assert at is not None
    assert before - 0.1 <= at <= time.time() + 0.1  # a file system's clock ticks more slowly
    assert storage.modified("missing") is None


def test_a_failed_commit_can_be_repeated(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events whose chunk could not be written are in the next chunk, once and in order."""
    storage = LocalStorage(root)
    writer = write(storage, 1, [opened()])
    writer.append(trial(0))
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(StorageError):
            writer.commit()
    writer.append(trial(0, 0.5))
    writer.commit()
    assert follow(storage).study.changes == 3


def test_a_file_system_that_cannot_sync_folders(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems refuse to sync a folder; the file is written anyway."""
    fsync = os.fsync

    def picky(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(handle)

    monkeypatch.setattr("os.fsync", picky)
    LocalStorage(root).write("file", b"x")
    assert LocalStorage(root).read("file") == b"x"


@pytest.mark.parametrize(
    ("folder", "umask", "file", "below"),
    [
        (0o755, 0o022, 0o644, 0o755),  # everybody may read
        (0o750, 0o022, 0o640, 0o750),  # the group may read, for example the API server's user
        (0o770, 0o007, 0o660, 0o770),
        (0o755, 0o077, 0o600, 0o700),  # the umask is respected
        (0o700, 0o022, 0o600, 0o700),
    ],
)
def test_access_rights_follow_the_folder_and_the_umask(
    root: Path, folder: int, umask: int, file: int, below: int
) -> None:
    """The API server may run as another user than the driver; the folder's mode decides who may read."""
    root.mkdir()
    root.chmod(folder)
    before = os.umask(umask)
    try:
        LocalStorage(root).write("attempts/one", b"x")
    finally:
        os.umask(before)
    assert (root / "attempts" / "one").stat().st_mode & 0o777 == file
    assert (root / "attempts").stat().st_mode & 0o777 == below


def a_group() -> str:
    """Return a group that this user may give files to."""
    return grp.getgrgid(max(os.getgroups(), default=os.getgid())).gr_name


def test_a_shared_folder_is_readable_for_its_group_with_any_umask(tmp_path: Path) -> None:
    """The API server may run as another user in a common group."""
    group = a_group()
    number = grp.getgrnam(group).gr_gid
    before = os.umask(0o077)
    try:
        share(tmp_path / "storage", group)
        share(tmp_path / "storage", group)  # every task calls it
        LocalStorage(tmp_path / "storage" / "churn" / "g0").write("attempts/one", b"x")
    finally:
        os.umask(before)
    for path in ("", "churn", "churn/g0", "churn/g0/attempts"):
        status = (tmp_path / "storage" / path).stat()
        assert (status.st_gid, stat.S_IMODE(status.st_mode)) == (number, 0o2750), path
    status = (tmp_path / "storage" / "churn" / "g0" / "attempts" / "one").stat()
    assert (status.st_gid, stat.S_IMODE(status.st_mode)) == (number, 0o640)


def test_a_missing_group(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must be one of this machine's, got 'no-such-group'"):
        share(tmp_path / "storage", "no-such-group")


def test_a_folder_of_another_user_cannot_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error gives the command for the owner."""
    monkeypatch.setattr("os.chown", refuse)
    tmp_path.chmod(0o755)
    with pytest.raises(StorageError, match=rf"chgrp {a_group()} {tmp_path} && chmod g\+rxs") as raised:
        share(tmp_path, a_group())
    assert not raised.value.retryable


def test_a_link_below_the_study_is_not_followed(root: Path, tmp_path: Path) -> None:
    """This holds for links to files and to folders, for reading, listing, removing and writing."""
    elsewhere = LocalStorage(tmp_path / "elsewhere")
    elsewhere.write("secret", b"x")
    storage = LocalStorage(root)
    storage.write("file", b"x")
    (root / "link").symlink_to(tmp_path / "elsewhere" / "secret")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "loop").symlink_to(root / "loop")
    for name in ("link", "folder/secret", "loop"):
        with pytest.raises(FileNotFoundError):
            storage.read(name)
    assert storage.names("folder") == []
    for call in (lambda: storage.write("folder/new", b"x"), lambda: storage.remove(["folder/secret"])):
        with pytest.raises(StorageError):
            call()
    assert elsewhere.names("") == ["secret"]


def test_a_root_behind_a_link_is_used(root: Path, tmp_path: Path) -> None:
    """Links above a study are allowed, because the administrator controls them."""
    (tmp_path / "real").mkdir()
    root.symlink_to(tmp_path / "real")
    LocalStorage(root).write("file", b"x")
    assert (tmp_path / "real" / "file").read_bytes() == b"x"


def test_only_regular_files_are_read(root: Path) -> None:
    """A pipe and a socket are treated as missing files, without waiting for their data."""
    root.mkdir()
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s"))
        for name in ("pipe", "s", "pipe/below"):
            with pytest.raises(FileNotFoundError):
                LocalStorage(root).read(name)


def test_a_file_that_claims_to_be_huge_is_not_read(root: Path) -> None:
    """A sparse file of terabytes takes no memory."""
    root.mkdir()
    with (root / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(StorageError, match=r"at most 268435456 bytes, got 1099511627776 for huge; remove it"):
        LocalStorage(root).read("huge")


def test_the_next_writer_removes_the_files_of_a_killed_one(root: Path) -> None:
    """Only temporary files too old to be in use are removed."""
    LocalStorage(root).write("attempts/0001-0a0b0c0d/file", b"x")
    places = [root, root / "attempts" / "0001-0a0b0c0d"]
    for place in places:
        (place / ".tmp-old").write_bytes(b"half")
        os.utime(place / ".tmp-old", (0, 0))
        (place / ".tmp-new").write_bytes(b"half")
    LocalStorage(root).write("file", b"x")
    for place in places:
        assert [entry.name for entry in place.glob(".tmp-*")] == [".tmp-new"]


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    """A study below a file reads as empty and cannot be written; the message names the file."""
    (tmp_path / "file").write_bytes(b"")
    for address in (tmp_path / "file", tmp_path / "file" / "study"):
        assert read_study(str(address)).study.trials == {}
        with pytest.raises(FileNotFoundError):
            LocalStorage(address).read("spec.json")
        with pytest.raises(StorageError, match=r"must be writable, got .*file"):
            LocalStorage(address).write("spec.json", b"{}")


@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("readable", lambda storage: storage.read("file")),
        ("readable", lambda storage: storage.names("")),
        ("remove", lambda storage: storage.remove(["file"])),
    ],
)
def test_a_folder_without_permissions(
    root: Path, monkeypatch: pytest.MonkeyPatch, verb: str, call: Callable[[LocalStorage], Any]
) -> None:
    """The error has the system's reason and the folder."""
    root.mkdir()
    really_open = os.open

    def refuse_root(path: Any, *args: Any, **options: Any) -> int:
        return refuse() if path == root else really_open(path, *args, **options)

    monkeypatch.setattr("os.open", refuse_root)
    with pytest.raises(StorageError, match=rf"{verb}.*") as raised:
        call(LocalStorage(root))
    assert "Permission denied" in str(raised.value)
    assert str(root) in str(raised.value)


@pytest.mark.parametrize(
    ("number", "retryable"),
    [
        (errno.EACCES, False),
        (errno.EROFS, False),
        (errno.ENOTDIR, False),
        (errno.ENOSPC, True),
        (errno.EIO, True),
        (errno.ETIMEDOUT, True),
        (errno.ECONNRESET, True),
    ],
)
def test_which_errors_are_retryable(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, retryable: bool
) -> None:
    """A retry can help if the storage is full or does not respond, but not if it is configured wrongly."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    root.mkdir()
    for name in ("replace", "listdir"):
        monkeypatch.setattr(f"os.{name}", fail)
    with pytest.raises(StorageError) as writing:
        LocalStorage(root).write("file", b"")
    assert writing.value.retryable is retryable
    if number != errno.ENOTDIR:  # a missing folder reads as empty
        with pytest.raises(StorageError) as listing:
            LocalStorage(root).names("")
        assert listing.value.retryable is retryable


def test_reading_does_not_create_a_folder(root: Path) -> None:
    """Reading a study that does not exist does not change the storage."""
    read_study(str(root))
    assert not root.exists()


def test_a_local_url_is_written_like_a_path(root: Path) -> None:
    """A file:// URL is a local folder; missing parent folders are created."""
    storage = open_storage(f"file://{root}")
    assert isinstance(storage, LocalStorage)
    storage.write("deep/er/file", b"x")
    assert (root / "deep" / "er" / "file").read_bytes() == b"x"


def test_a_url_is_opened_with_fsspec() -> None:
    """fsspec opens any other URL; the error names one that it does not know."""
    assert isinstance(open_storage("memory://here"), FsspecStorage)
    with pytest.raises(StorageError, match="ftq://bucket/study cannot be opened"):
        open_storage("ftq://bucket/study")


@pytest.mark.parametrize(
    ("failure", "retryable"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), True),
        (PermissionError("Login incorrect"), False),
        (RuntimeError("421 too many connections"), True),
        (ValueError("a bucket must have a name"), False),
        (ImportError("Install paramiko to enable ssh"), False),
    ],
)
def test_a_url_that_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, retryable: bool
) -> None:
    """Some backends connect when they are created; their errors become StorageError too."""

    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(OutOfReach, "__init__", fail)
    fsspec.register_implementation("outofreach", OutOfReach, clobber=True)
    with pytest.raises(StorageError, match="storage outofreach://host/study cannot be opened") as raised:
        open_storage("outofreach://host/study")
    assert str(failure) in str(raised.value)
    assert raised.value.retryable is retryable


class AnswerLost(Exception):
    """An exception that is no OSError, like those of aiohttp, botocore, gcsfs and Azure."""


class OutOfReach(fsspec.AbstractFileSystem):
    """A store whose every request fails with `failure`."""

    protocol = "outofreach"
    cachable = False
    failure: ClassVar[Exception] = AnswerLost("503, the server is busy")

    def _fail(self, *args: Any, **kwargs: Any) -> Any:
        raise self.failure

    pipe_file = cat_file = ls = rm_file = _fail


class InPlace(fsspec.AbstractFileSystem):
    """A file system that writes in place and can rename, like SFTP and HDFS.

    `replaces` tells whether a rename may replace a file, as over SFTP.
    """

    cachable = False
    files: ClassVar[dict[str, bytes]] = {}
    seen: ClassVar[list[set[str]]] = []
    replaces = True

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        for part in (value[:1], value):  # a reader may look between the two
            self.files[path] = part
            self.seen.append(set(self.files))

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        pass

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        if not self.replaces and path2 in self.files:
            raise FileExistsError(path2)
        self.files[path2] = self.files.pop(path1)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        try:
            return self.files[path][start:end]
        except KeyError:
            raise FileNotFoundError(path) from None

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[str]:
        return sorted({path + name.removeprefix(path) for name in self.files if name.startswith(f"{path}/")})

    def rm_file(self, path: str) -> None:
        if self.files.pop(path, None) is None:
            raise FileNotFoundError(path)


@pytest.mark.parametrize(("protocol", "replaces"), [("sftp", True), ("hdfs", False)])
def test_files_are_renamed_on_file_systems_that_write_in_place(
    monkeypatch: pytest.MonkeyPatch, protocol: str, replaces: bool
) -> None:
    """Readers see neither incomplete files nor the temporary files of a killed writer."""
    monkeypatch.setattr(InPlace, "protocol", protocol)
    monkeypatch.setattr(InPlace, "replaces", replaces)
    monkeypatch.setattr(InPlace, "files", {})
    monkeypatch.setattr(InPlace, "seen", [])
    fsspec.register_implementation(f"inplace{protocol}", InPlace, clobber=True)
    storage = FsspecStorage(f"inplace{protocol}://study")
    storage.write("folder/file", b"one")
    storage.write("folder/file", b"two")
    assert storage.read("folder/file") == b"two"
    assert storage.names("folder") == ["file"]
    assert not any(name.endswith("/file") for name in InPlace.seen[0])
    InPlace.files["study/folder/.tmp-0123"] = b"of a killed writer"
    assert storage.names("folder") == ["file"]


class WithFolders(InPlace):
    """A file system that writes only into folders that exist."""

    folders: ClassVar[set[str]] = set()

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self.folders.add(path)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        if path.rpartition("/")[0] not in self.folders:
            raise FileNotFoundError(path)
        super().pipe_file(path, value, mode)


def test_a_removed_folder_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InPlace, "files", {})
    fsspec.register_implementation("withfolders", WithFolders, clobber=True)
    storage = FsspecStorage("withfolders://study")
    storage.write("folder/file", b"one")
    WithFolders.folders.clear()
    storage.write("folder/file", b"two")
    assert storage.read("folder/file") == b"two"


def test_a_failed_temporary_write_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InPlace, "files", {})
    monkeypatch.setattr(InPlace, "mv", refuse)
    fsspec.register_implementation("inplacesftp", InPlace, clobber=True)
    with pytest.raises(StorageError, match="must be writable"):
        FsspecStorage("inplacesftp://study").write("file", b"x")
    assert InPlace.files == {}


def test_ftp_is_rejected_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InPlace, "protocol", "ftp")
    fsspec.register_implementation("inplaceftp", InPlace, clobber=True)
    with pytest.raises(StorageError, match=r"which FTP does not guarantee.*use sftp"):
        FsspecStorage("inplaceftp://study").write("file", b"x")


def test_a_huge_object_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most one byte more than the limit is requested."""
    asked: list[int | None] = []

    def cat_file(self: InPlace, path: str, start: int | None = None, end: int | None = None) -> bytes:
        asked.append(end)
        return b"x" * 11

    monkeypatch.setattr("airflow_sparktune.study.storage.object_store.MOST_BYTES", 10)
    monkeypatch.setattr(InPlace, "cat_file", cat_file)
    fsspec.register_implementation("inplacesftp", InPlace, clobber=True)
    with pytest.raises(StorageError, match="at most 10 bytes, got more"):
        FsspecStorage("inplacesftp://study").read("file")
    assert asked == [11]


@pytest.fixture
def out_of_reach() -> FsspecStorage:
    fsspec.register_implementation("outofreach", OutOfReach, clobber=True)
    return FsspecStorage("outofreach://bucket/study")


VERBS = [
    lambda storage: storage.write("file", b""),
    lambda storage: storage.read("file"),
    lambda storage: storage.names("folder"),
    lambda storage: storage.remove(["file"]),
]


@pytest.mark.parametrize("call", VERBS)
def test_any_other_exception_of_a_backend(
    out_of_reach: FsspecStorage, call: Callable[[FsspecStorage], Any]
) -> None:
    """It becomes a StorageUnavailable that names the file; a retry can help."""
    with pytest.raises(StorageUnavailable, match="AnswerLost: 503, the server is busy") as raised:
        call(out_of_reach)
    assert "bucket/study/f" in str(raised.value)


@pytest.mark.parametrize("call", VERBS)
def test_a_permission_error_of_a_backend(
    out_of_reach: FsspecStorage, call: Callable[[FsspecStorage], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PermissionError is not retryable."""
    monkeypatch.setattr(OutOfReach, "failure", PermissionError("Access Denied"))
    with pytest.raises(StorageError, match="Access Denied") as raised:
        call(out_of_reach)
    assert not raised.value.retryable


def test_a_file_that_a_backend_does_not_find(
    out_of_reach: FsspecStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading raises FileNotFoundError, a missing folder is empty, and removing a missing file succeeds."""
    monkeypatch.setattr(OutOfReach, "failure", FileNotFoundError("no such key"))
    with pytest.raises(FileNotFoundError):
        out_of_reach.read("file")
    assert out_of_reach.names("folder") == []
    out_of_reach.remove(["file"])


def test_a_url_without_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without fsspec in the image, the error says what to do; a path still works."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StorageError, match=r"needs fsspec.*install fsspec into it, or use a path"):
        open_storage("s3://bucket/study")
    assert isinstance(open_storage("/data"), LocalStorage)


WRITER = """
import sys
from airflow_sparktune.study.storage import LocalStorage
from tests.study.journal_samples import opened, trial, write
writer = write(LocalStorage(sys.argv[1]), 1, [opened()])
for number in range(100_000):
    writer.append(trial(number))
    writer.append(trial(number, 0.5))
    writer.commit()
    print(number, flush=True)
    if number % 50 == 49:
        writer.roll()
"""


@pytest.mark.parametrize("life_s", [0.02, 0.1, 0.25])
def test_a_killed_driver_loses_no_committed_trial(root: Path, life_s: float) -> None:
    """After SIGKILL at any moment, every committed trial can be read, and no file is damaged."""
    repository = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, text=True, cwd=repository
    ) as driver:
        assert driver.stdout is not None
        first = driver.stdout.readline()
        time.sleep(life_s)
        driver.send_signal(signal.SIGKILL)
        acknowledged = [first, *driver.stdout.read().splitlines()]
    follower = follow(LocalStorage(root))
    assert follower.problems == []
    # The driver may be killed between a commit and the print of its number.
    assert len(follower.study.trials) - len(acknowledged) in (0, 1)
    assert all(each.loss == 0.5 for each in follower.study.trials.values())
