"""Only a valid request for the current attempt in stop.json stops it."""

from __future__ import annotations

import pytest

from airflow_sparktune.study.files.stop_request import StopRequest, request_stop, stop_requested
from airflow_sparktune.study.storage import MemoryStorage


def test_an_attempt_is_asked_to_stop() -> None:
    """A request applies to its attempt only; the next attempt continues the study."""
    storage = MemoryStorage()
    assert stop_requested(storage, attempt=2) is None
    request_stop(storage, attempt=2, by="ann", wall=lambda: 5.0)
    assert stop_requested(storage, attempt=2) == StopRequest(2, "ann", 5.0)
    assert stop_requested(storage, attempt=3) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[1]", b"\xff", b"5", b'{"attempt": "x", "by": "a", "at": 1}', b"[" * 9_000, b" " * 20_000,
     b'{"attempt": 1e999, "by": "a", "at": 1}'],
)  # fmt: skip
def test_an_invalid_request_is_ignored(data: bytes) -> None:
    """Invalid files are ignored, because anyone with access to the folder can write them."""
    storage = MemoryStorage()
    storage.write("stop.json", data)
    assert stop_requested(storage, attempt=1) is None
