"""A task's tunings over its runs: what each came to."""

from __future__ import annotations

import re
from collections import OrderedDict
from threading import Lock

from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.schemas import HistoryReply, Phase, RunRow
from airflow_sparktune.dashboard.page.view import phase_of, stream_of
from airflow_sparktune.dashboard.place import Catalogue, Place
from airflow_sparktune.study.follow import StudyFollower, read_study
from airflow_sparktune.study.journal import streams
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.storage import open_storage

MOST_RUNS = 100
_KEPT = 1000
_DATE = re.compile(r"\d{4}-\d\d-\d\dT.*")


class History:
    """Reads each study that has closed once, and keeps its row until a newer attempt opens it."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._closed: OrderedDict[str, tuple[str, RunRow]] = OrderedDict()
        self._lock = Lock()

    def of(self, catalogue: Catalogue, task: Place) -> HistoryReply:
        """The newest runs of a task, the latest first."""
        places = sorted(catalogue.runs(task), key=_by_date, reverse=True)
        rows = [row for place in places[:MOST_RUNS] if (row := self._row(catalogue, place)) is not None]
        return HistoryReply(
            title=f"{task.dag_id}.{task.task_id}",
            message=catalogue.trouble() if not rows else None,
            runs=sorted(rows, key=lambda row: row.started or "", reverse=True),
            left_out=max(0, len(places) - MOST_RUNS),
        )

    def _row(self, catalogue: Catalogue, place: Place) -> RunRow | None:
        found = catalogue.generations(place)
        if not found:
            return None
        generation, address = next(iter(found.items()))
        with self._lock:
            stream, known = self._closed.get(address, ("", None))
        if known is not None and streams(open_storage(address))[-1:] == [stream]:
            return known
        follower = read_study(address)
        row = self._read(follower, place, generation)
        if row.phase is Phase.CLOSED:
            with self._lock:
                self._closed[address] = (stream_of(follower), row)
                while len(self._closed) > _KEPT:
                    self._closed.popitem(last=False)
        return row

    def _read(self, follower: StudyFollower, place: Place, generation: int) -> RunRow:
        told = summary(follower.study)
        return RunRow(
            run_id=place.run_id,
            map_index=place.map_index,
            generation=generation,
            phase=phase_of(follower.study),
            stop_reason=told["stop_reason"],
            started=told["started"],
            elapsed_s=told["elapsed_s"],
            trials=told["trials"],
            counts=told["counts"],
            best_loss=told["best_loss"],
            best_params=self._mask(told["best_params"]),
        )


def _by_date(place: Place) -> tuple[str, str, int]:
    """Airflow's run ids end in a date; others sort by name."""
    date = _DATE.search(place.run_id)
    return (date[0] if date else "", place.run_id, place.map_index)
