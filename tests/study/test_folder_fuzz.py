"""Files with any name and content in a study folder cause only the package's own errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.definition.file import read_spec, with_retuning
from airflow_sparktune.study.files.airflow_task import read_task
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.record.champions import Champions, segments
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.retention import find, removable
from airflow_sparktune.study.storage import MemoryStorage, Storage
from tests.study.journal_samples import SPEC, follow, line, opened, trial
from tests.study.test_hostile import JSON, ODD, STREAM, WHOLE, everything

DEEPER = b"[" * 100_000
# Keys that the files have, so that random content passes the first checks.
KEYS = st.sampled_from(
    ["attempt", "by", "at", "dag_id", "task_id", "run_id", "map_index", "url", "objective", "space",
     "max_evals", "incumbent", "segment", "champions", "confirm", "warm_start", "guardrails", "number",
     "action", "params", "reason", "point", "study", "v", "restores", "evidence"]
)  # fmt: skip
TELLING: list[Any] = ["first", "kept", "m:f", "s3://[x", {"x": {"uniform": [0, 1]}}]
VALUES = JSON | st.sampled_from([*ODD, *TELLING])
CONTENT = (
    st.binary(max_size=300)
    | st.just(DEEPER)
    | st.dictionaries(KEYS, VALUES, max_size=8).map(lambda found: json.dumps(found).encode())
    | VALUES.map(lambda found: json.dumps(found).encode())
)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    """Return a root in memory, which every address opens."""
    storage = MemoryStorage()

    class Below:
        def __init__(self, address: str) -> None:
            self._prefix = address.removeprefix("memory://root").strip("/")

        def _path(self, name: str) -> str:
            return f"{self._prefix}/{name}".strip("/")

        def names(self, folder: str) -> list[str]:
            return storage.names(self._path(folder))

        def read(self, name: str) -> bytes:
            return storage.read(self._path(name))

        def modified(self, name: str) -> None:
            """Return None, as a storage that does not tell."""

    for module in ("files.airflow_task", "record.champions", "record.retention", "journal.follow"):
        monkeypatch.setattr(f"airflow_sparktune.study.{module}.open_storage", Below)
    return storage


READERS: dict[str, tuple[str, Callable[[Storage, bytes], Any]]] = {
    "stop.json": ("stop.json", lambda storage, _: stop_requested(storage, attempt=1)),
    "airflow.json": ("airflow.json", lambda storage, _: read_task("memory://root")),
    "spec.json": (
        "spec.json",
        lambda storage, data: read_spec(storage, "memory://root", sha256=hashlib.sha256(data).hexdigest()),
    ),
    "retuning.json": ("retuning.json", lambda storage, _: with_retuning(SPEC, storage)),
    "a champion": (
        "@champions/all/00000001.json",
        lambda storage, _: Champions("memory://root").current(),
    ),
    "the history of champions": (
        "@champions/all/00000001.json",
        lambda storage, _: [entry.to_json() for entry in Champions("memory://root").history([])],
    ),
    "the segments": (
        "@champions/segment=x/00000001.json",
        lambda storage, _: segments("memory://root"),
    ),
    "what may be removed": (
        "@champions/all/00000001.json",
        lambda storage, _: removable(find("memory://root", []), Keep(newest=1), [], now=0.0),
    ),
}


@pytest.mark.parametrize(("name", "read"), READERS.values(), ids=READERS.keys())
def test_a_file_with_any_content_is_read_or_rejected(
    memory: MemoryStorage, name: str, read: Callable[[Storage, bytes], Any]
) -> None:
    """This covers the files beside the journal, and the record of champions."""
    memory.write("g0/" + f"{FOLDER}/{STREAM}/00000001-00000001.jsonl", line(opened()))

    @given(CONTENT)
    def refuse_or_read(content: bytes) -> None:
        memory.write(name, content)
        try:
            read(memory, content)
        except SparktuneError as error:
            assert str(error).encode()  # noqa: PT017 - what it says can be sent

    refuse_or_read()


NAMES = st.one_of(
    st.from_regex(r"[0-9]{4,6}-[0-9a-f]{8}/[0-9]{8}-[0-9]{8}\.jsonl", fullmatch=True),
    st.sampled_from(
        [
            f"{STREAM}/{number:08d}-{number + more:08d}.jsonl"
            for number in (1, 2, 3)
            for more in (0, 1, 90_000)
        ]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=30),
)
LINES = st.lists(
    st.sampled_from([json.dumps(each).encode() for each in WHOLE])
    | st.binary(max_size=60)
    | VALUES.map(lambda value: json.dumps(value).encode()),
    max_size=6,
).map(b"\n".join)


@given(st.dictionaries(NAMES, LINES, max_size=6))
def test_a_folder_with_any_content_is_read(files: dict[str, bytes]) -> None:
    """Segments may have any name, content and order, and attempts may take over any other."""
    storage = MemoryStorage()
    for name, content in files.items():
        storage.write(f"{FOLDER}/{name}", content)
    everything(storage)


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=9)), max_size=5), st.integers(0, 2_000))
def test_a_study_with_flipped_bytes_keeps_its_other_chunks(
    changes: list[tuple[int, bytes]], size: int
) -> None:
    """Bytes may be inserted anywhere into a chunk between two others, or its end may be cut off."""
    storage = MemoryStorage()
    storage.write(f"{FOLDER}/{STREAM}/00000001-00000001.jsonl", line(opened()))
    bad = line(trial(0, 0.5))
    for at, junk in changes:
        bad = bad[:at] + junk + bad[at + len(junk) :]
    storage.write(f"{FOLDER}/{STREAM}/00000002-00000002.jsonl", bad[: size or None])
    storage.write(f"{FOLDER}/{STREAM}/00000003-00000003.jsonl", line(trial(1, 0.25)))
    everything(storage)
    assert follow(storage).study.trials[1].loss == 0.25
