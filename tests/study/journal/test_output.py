from __future__ import annotations

import pytest

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.journal import output
from airflow_sparktune.study.journal.output import OutputWriter, read_output
from airflow_sparktune.study.storage.memory import MemoryStorage

STREAM = "0003-12345678"


def read(storage: MemoryStorage, number: int, *, attempt: int = 3) -> str | None:
    return read_output(storage, attempt=attempt, number=number)


def test_kept_output_can_be_read() -> None:
    storage = MemoryStorage()
    writer = OutputWriter(storage, STREAM)
    writer.keep(4, "four\n")
    writer.keep(7, "sev\udcffen\n")
    writer.flush(now=True)
    assert (read(storage, 4), read(storage, 7)) == ("four\n", "sev?en\n")
    assert read(storage, 5) is None
    assert read(storage, 4, attempt=2) is None


def test_the_last_of_two_runs_counts() -> None:
    storage = MemoryStorage()
    writer = OutputWriter(storage, STREAM)
    for text in ("lost\n", "done\n"):
        writer.keep(1, text)
        writer.flush(now=True)
    assert read(storage, 1) == "done\n"


def test_files_are_written_at_intervals() -> None:
    now = 0.0
    storage = MemoryStorage()
    writer = OutputWriter(storage, STREAM, clock=lambda: now)
    for number in range(100):
        writer.keep(number, "x\n")
        writer.flush()
    assert storage.files == {}
    now = 6.0
    writer.flush()
    assert len(storage.files) == 1
    assert read(storage, 99) == "x\n"


def test_the_output_of_an_attempt_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MOST_BYTES", 1_000)
    storage = MemoryStorage()
    writer = OutputWriter(storage, STREAM)
    for number in range(100):
        writer.keep(number, "x" * 100)
        writer.flush(now=True)
    assert 500 < sum(map(len, storage.files.values())) <= 1_100


def test_a_failing_storage_loses_only_the_output() -> None:
    class Failing(MemoryStorage):
        def write(self, name: str, data: bytes) -> None:
            raise StorageUnavailable("no answer")

    writer = OutputWriter(Failing(), STREAM)
    writer.keep(1, "x\n")
    writer.flush(now=True)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("000009-0-9.jsonl", b"\xff{"),
        ("000009-0-9.jsonl", b'{"trial": 1, "text": 5}\n[]\n' + b"[" * 100_000),
        ("odd", b""),
    ],
)
def test_damaged_files_are_skipped(name: str, data: bytes) -> None:
    storage = MemoryStorage()
    writer = OutputWriter(storage, STREAM)
    writer.keep(1, "one\x1b[31m\n")
    writer.flush(now=True)
    storage.write(f"output/{STREAM}/{name}", data)
    storage.write("output/0003-odd/x", data)
    assert read(storage, 1) == "one[31m\n"
