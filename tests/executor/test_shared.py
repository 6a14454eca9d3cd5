"""What a worker keeps of the studies whose trials it runs."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.executor import shared
from airflow_sparktune.executor.shared import Lent, Shared, WithCommon, opened


@dataclass
class Sent:
    """A broadcast as PySpark gives it to a worker, which counts how often it is read."""

    _path: str
    reads: int = 0

    @property
    def value(self) -> Any:
        self.reads += 1
        return pickle.loads(Path(self._path).read_bytes())


class Sender:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, value: Any) -> Sent:
        path = self._folder / f"{len(list(self._folder.iterdir()))}"
        path.write_bytes(pickle.dumps(value))
        return Sent(str(path))


@pytest.fixture
def send(tmp_path: Path) -> Iterator[Sender]:
    yield Sender(tmp_path)
    shared._objectives.clear()
    shared._commons.clear()


def test_what_all_studies_share_is_read_once(send: Sender) -> None:
    """Each objective has it in place of a value of its own."""
    common, studies = send(Shared({"rows": 3})), [send({"data": Lent()}) for _ in range(3)]
    for own in [*studies, *studies]:
        with opened(WithCommon(own, common), studies=3) as objective:
            assert objective["data"].value == {"rows": 3}
    assert [common.reads, *(own.reads for own in studies)] == [1, 1, 1, 1]


def test_a_worker_keeps_the_studies_that_it_served_lately_within_a_bound(
    send: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are open; the one that runs stays."""
    monkeypatch.setattr(shared, "KEPT_BYTES", 5_000)
    small, large = [send("x" * 1_000) for _ in range(4)], send("x" * 9_000)
    for own in [*small, *small]:
        with opened(own, studies=16):
            pass
    assert [own.reads for own in small] == [1] * 4
    for own in (large, large, small[0]):
        with opened(own, studies=16):
            pass
    assert (large.reads, small[0].reads) == (1, 2)
