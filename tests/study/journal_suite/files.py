"""A storage keeps complete files by name."""

from __future__ import annotations

import threading

import pytest

from airflow_sparktune.study.storage import Storage


class FilesSuite:
    """Tests of the methods of a storage."""

    def test_what_was_written_reads_back(self, storage: Storage) -> None:
        """A file can be read byte for byte as soon as write returns, and can be replaced."""
        storage.write("spec.json", b"\x00\xff one\n")
        assert storage.read("spec.json") == b"\x00\xff one\n"
        storage.write("spec.json", b"")
        assert storage.read("spec.json") == b""

    def test_a_name_is_created_once(self, storage: Storage) -> None:
        """The second caller is told that the name exists, and changes nothing. A removed name is free."""
        assert storage.create("record/1", b"first")
        assert not storage.create("record/1", b"second")
        assert storage.read("record/1") == b"first"
        assert storage.names("record") == ["1"]
        storage.remove(["record/1"])
        assert storage.create("record/1", b"third")
        assert storage.read("record/1") == b"third"

    def test_a_file_is_never_seen_half(self, storage: Storage) -> None:
        """Readers of a file that is being replaced see one version or the other, never a mixture."""
        versions = [bytes([65 + index]) * (100_000 + index) for index in range(8)]
        storage.write("spec.json", versions[0])
        done, seen = threading.Event(), set()

        def read() -> None:
            while not done.is_set():
                seen.add(storage.read("spec.json"))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for version in versions * 3:
                storage.write("spec.json", version)
        finally:
            done.set()
            reader.join()
        assert seen <= set(versions)

    def test_names_are_sorted_and_direct(self, storage: Storage) -> None:
        """A listing contains the files and folders directly in a folder, in order, and no unfinished ones."""
        for name in ("f/b", "f/a", "f/c/deep", "g"):
            storage.write(name, b"x")
        assert storage.names("f") == ["a", "b", "c"]

    def test_nothing_is_listed_where_nothing_is(self, storage: Storage) -> None:
        """A folder that does not exist lists as empty, and listing does not create it."""
        assert storage.names("nowhere") == []
        assert storage.names("") == []

    def test_a_missing_file_is_file_not_found(self, storage: Storage) -> None:
        """Reading a missing file, or a folder, raises FileNotFoundError."""
        storage.write("folder/file", b"x")
        for name in ("nothing", "no/where", "folder"):
            with pytest.raises(FileNotFoundError):
                storage.read(name)

    def test_removing_is_idempotent(self, storage: Storage) -> None:
        """Removed files are gone. Removing missing files is not an error."""
        for name in ("b", "c", "d"):
            storage.write(f"a/{name}", b"x")
        for _ in range(2):
            storage.remove(["a/b", "a/never", "a/c"])
        assert storage.names("a") == ["d"]
