from __future__ import annotations

import errno
import grp
import os
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
from airflow_sparktune.testing.samples import follow, opened, trial, write

STEPS = ["os.fsync", "os.replace"]


class Killed(BaseException):
    """The process ends here: nothing after it is run."""


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
def test_a_write_that_is_cut_off_left_nothing_to_see(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Killed before the rename, at whichever step: the old file is whole, and no listing shows a trace."""
    storage = LocalStorage(root)
    storage.write("folder/old", b"old")
    monkeypatch.setattr(step, dies)
    for name in ("folder/old", "folder/new"):
        with pytest.raises(Killed):
            storage.write(name, b"new")
    assert storage.names("folder") == ["old"]
    assert storage.read("folder/old") == b"old"


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_is_full(root: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A write that fails raises StorageError with the system's reason, and cleans up behind itself."""
    storage = LocalStorage(root)
    storage.write("folder/old", b"old")
    monkeypatch.setattr(step, full)
    with pytest.raises(StorageError, match=r"must be writable, got No space left .* choose another storage"):
        storage.write("folder/old", b"new")
    assert [entry.name for entry in (root / "folder").iterdir()] == ["old"]
    assert storage.read("folder/old") == b"old"


def test_a_write_that_fails_and_cannot_clean_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason that is told is the first one, not that of the cleaning up."""
    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("os.unlink", refuse)
    with pytest.raises(StorageError, match="No space left"):
        LocalStorage(root).write("file", b"")


def test_a_commit_that_failed_can_be_repeated(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events whose segment could not be written go into the next one, in their order, once."""
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
    """Some network file systems refuse to sync a folder: the file is in place all the same."""
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
        (0o755, 0o022, 0o644, 0o755),  # everybody reads
        (0o750, 0o022, 0o640, 0o750),  # the group reads, as the API server's user may
        (0o770, 0o007, 0o660, 0o770),
        (0o755, 0o077, 0o600, 0o700),  # what the umask forbids stays forbidden
        (0o700, 0o022, 0o600, 0o700),
    ],
)
def test_access_rights_follow_the_folder_and_the_umask(
    root: Path, folder: int, umask: int, file: int, below: int
) -> None:
    """The API server may run as another user than the driver: the folder says who reads the study."""
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
    """A group that this user may give files to."""
    return grp.getgrgid(max(os.getgroups(), default=os.getgid())).gr_name


def test_a_shared_folder_is_readable_for_its_group_whatever_the_umask(tmp_path: Path) -> None:
    """The API server reads as another user, by a group of both."""
    group = a_group()
    number = grp.getgrnam(group).gr_gid
    before = os.umask(0o077)
    try:
        share(tmp_path / "storage", group)
        share(tmp_path / "storage", group)  # every task does
        LocalStorage(tmp_path / "storage" / "churn" / "g0").write("attempts/one", b"x")
    finally:
        os.umask(before)
    for path in ("", "churn", "churn/g0", "churn/g0/attempts"):
        status = (tmp_path / "storage" / path).stat()
        assert (status.st_gid, stat.S_IMODE(status.st_mode)) == (number, 0o2750), path
    status = (tmp_path / "storage" / "churn" / "g0" / "attempts" / "one").stat()
    assert (status.st_gid, stat.S_IMODE(status.st_mode)) == (number, 0o640)


def test_a_group_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must be one of this machine's, got 'no-such-group'"):
        share(tmp_path / "storage", "no-such-group")


def test_a_folder_of_somebody_else_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner is told how to."""
    monkeypatch.setattr("os.chown", refuse)
    tmp_path.chmod(0o755)
    with pytest.raises(StorageError, match=rf"chgrp {a_group()} {tmp_path} && chmod g\+rxs") as raised:
        share(tmp_path, a_group())
    assert not raised.value.retryable


def test_a_link_below_the_study_is_not_followed(root: Path, tmp_path: Path) -> None:
    """Neither to a file nor through a folder, for reading, listing, removing and writing."""
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
    """What lies above a study is the administrator's."""
    (tmp_path / "real").mkdir()
    root.symlink_to(tmp_path / "real")
    LocalStorage(root).write("file", b"x")
    assert (tmp_path / "real" / "file").read_bytes() == b"x"


def test_only_regular_files_are_read(root: Path) -> None:
    """A pipe that nobody writes, and a socket, are no files; neither is waited for."""
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


def test_what_a_killed_writer_left_is_removed_by_the_next(root: Path) -> None:
    """What is so old that nobody can be writing it; a file that is being written now stays."""
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
    """A study below a file reads as empty, and cannot be written: the message names the place."""
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
def test_a_folder_that_this_user_may_not_use(
    root: Path, monkeypatch: pytest.MonkeyPatch, verb: str, call: Callable[[LocalStorage], Any]
) -> None:
    """What the system refuses is told in one sentence, with the place."""
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
def test_whether_a_retry_can_help(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, retryable: bool
) -> None:
    """Where the storage is set up wrongly it cannot; where it is full or does not answer, it can."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    root.mkdir()
    for name in ("replace", "listdir"):
        monkeypatch.setattr(f"os.{name}", fail)
    with pytest.raises(StorageError) as writing:
        LocalStorage(root).write("file", b"")
    assert writing.value.retryable is retryable
    if number != errno.ENOTDIR:  # no folder is an empty one
        with pytest.raises(StorageError) as listing:
            LocalStorage(root).names("")
        assert listing.value.retryable is retryable


def test_reading_makes_no_folder(root: Path) -> None:
    """Looking at a study that is not there leaves the storage as it was."""
    read_study(str(root))
    assert not root.exists()


def test_a_local_url_is_written_like_a_path(root: Path) -> None:
    """file:// is a local folder: whole files by rename, and folders made on the way."""
    storage = open_storage(f"file://{root}")
    assert isinstance(storage, LocalStorage)
    storage.write("deep/er/file", b"x")
    assert (root / "deep" / "er" / "file").read_bytes() == b"x"


def test_a_url_is_opened_with_fsspec() -> None:
    """Any other URL is fsspec's; one that fsspec does not know is told by name."""
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
    """Some backends connect when they are made: what they raise is told as the other failures are."""

    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(OutOfReach, "__init__", fail)
    fsspec.register_implementation("outofreach", OutOfReach, clobber=True)
    with pytest.raises(StorageError, match="storage outofreach://host/study cannot be opened") as raised:
        open_storage("outofreach://host/study")
    assert str(failure) in str(raised.value)
    assert raised.value.retryable is retryable


class AnswerLost(Exception):
    """As aiohttp, botocore, gcsfs and Azure have them: no OSError."""


class OutOfReach(fsspec.AbstractFileSystem):
    """A store whose every request fails with `failure`."""

    protocol = "outofreach"
    cachable = False
    failure: ClassVar[Exception] = AnswerLost("503, the server is busy")

    def _fail(self, *args: Any, **kwargs: Any) -> Any:
        raise self.failure

    pipe_file = cat_file = ls = rm_file = _fail


class InPlace(fsspec.AbstractFileSystem):
    """Files that are written in place and can be renamed, as over SFTP or on HDFS; `replaces` tells sftp."""

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
def test_where_files_are_written_in_place_they_are_renamed(
    monkeypatch: pytest.MonkeyPatch, protocol: str, replaces: bool
) -> None:
    """No reader sees half a file, and none sees what a writer left behind."""
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


def test_a_write_beside_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InPlace, "files", {})
    monkeypatch.setattr(InPlace, "mv", refuse)
    fsspec.register_implementation("inplacesftp", InPlace, clobber=True)
    with pytest.raises(StorageError, match="must be writable"):
        FsspecStorage("inplacesftp://study").write("file", b"x")
    assert InPlace.files == {}


def test_ftp_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InPlace, "protocol", "ftp")
    fsspec.register_implementation("inplaceftp", InPlace, clobber=True)
    with pytest.raises(StorageError, match=r"which FTP does not guarantee.*use sftp"):
        FsspecStorage("inplaceftp://study").write("file", b"x")


def test_an_object_that_is_huge_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most the limit is asked for, and it is skipped as no driver's."""
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
def test_what_a_backend_raises_of_its_own(
    out_of_reach: FsspecStorage, call: Callable[[FsspecStorage], Any]
) -> None:
    """Becomes StorageUnavailable with the place; a retry can help."""
    with pytest.raises(StorageUnavailable, match="AnswerLost: 503, the server is busy") as raised:
        call(out_of_reach)
    assert "bucket/study/f" in str(raised.value)


@pytest.mark.parametrize("call", VERBS)
def test_what_a_backend_refuses(
    out_of_reach: FsspecStorage, call: Callable[[FsspecStorage], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No retry helps where it says so as Python does."""
    monkeypatch.setattr(OutOfReach, "failure", PermissionError("Access Denied"))
    with pytest.raises(StorageError, match="Access Denied") as raised:
        call(out_of_reach)
    assert not raised.value.retryable


def test_what_a_backend_does_not_find(out_of_reach: FsspecStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is no fault: reading says so, a folder is empty, removing is done."""
    monkeypatch.setattr(OutOfReach, "failure", FileNotFoundError("no such key"))
    with pytest.raises(FileNotFoundError):
        out_of_reach.read("file")
    assert out_of_reach.names("folder") == []
    out_of_reach.remove(["file"])


def test_a_url_without_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster image without fsspec is told what to do; a path works there."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StorageError, match=r"needs fsspec.*install fsspec into it, or use a path"):
        open_storage("s3://bucket/study")
    assert isinstance(open_storage("/data"), LocalStorage)


WRITER = """
import sys
from airflow_sparktune.study.storage import LocalStorage
from airflow_sparktune.testing.samples import opened, trial, write
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
def test_a_driver_that_is_killed(root: Path, life_s: float) -> None:
    """SIGKILL at any instant: every trial whose commit had returned is there, whole, and nothing is torn."""
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
    # One commit may have returned just before it could be told.
    assert len(follower.study.trials) - len(acknowledged) in (0, 1)
    assert all(each.loss == 0.5 for each in follower.study.trials.values())
