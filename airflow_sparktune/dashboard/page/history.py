"""The history of a task: the result of each run's study."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from threading import Lock

from airflow_sparktune.dashboard.page.champions import ChampionHistory
from airflow_sparktune.dashboard.page.masking import Mask, study_mask
from airflow_sparktune.dashboard.page.points import best_params, named_dimensions
from airflow_sparktune.dashboard.page.schemas import HistoryReply, RunRow
from airflow_sparktune.dashboard.page.view import masked_summary, stream_of
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.address import part
from airflow_sparktune.study.journal.follow import StudyFollower, read_study
from airflow_sparktune.study.journal.streams import streams
from airflow_sparktune.study.phase import phase_of
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)

MOST_RUNS = 100
_KEPT = 1000


class RunHistory:
    """Reads each closed study once, and caches its row until a newer attempt opens."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._champions = ChampionHistory(mask)
        self._closed: dict[str, tuple[str, RunRow]] = {}
        self._lock = Lock()

    def of(self, catalogue: Catalogue, task: TaskKey, *, run_ids: Sequence[str] = ()) -> HistoryReply:
        """Return the newest runs of a task, newest first; `run_ids` maps the runs' folders to their ids."""
        keys, left_out = catalogue.runs(task, most=MOST_RUNS)
        ids = {part(run_id): run_id for run_id in run_ids}
        shown = sorted(keys[:MOST_RUNS], key=lambda key: key.map_index)
        rows = [row for key in shown if (row := self._row(catalogue, key)) is not None]
        rows = [row.model_copy(update={"run_id": ids.get(row.folder, row.folder)}) for row in rows]
        return HistoryReply(
            title=f"{task.dag_id}.{task.task_id}",
            message=catalogue.trouble() if not rows else None,
            runs=sorted(rows, key=lambda row: row.started or 0.0, reverse=True),
            left_out=left_out + max(0, len(keys) - MOST_RUNS),
            champions=self._champions.of(catalogue.record(task)),
        )

    def _row(self, catalogue: Catalogue, key: TaskKey) -> RunRow | None:
        """Return the row of one run; if its study cannot be read, a row with the problem."""
        generation = 0
        try:
            found = catalogue.generations(key)
            if not found:
                return None
            generation, address = next(iter(found.items()))
            return self._known(key, generation, address)
        except (SparktuneError, ArithmeticError, LookupError, OSError, RecursionError, TypeError, ValueError):
            log.exception("The study of %s cannot be read", key)
            return RunRow(
                run_id=key.run_id,
                folder=key.run_id,
                map_index=key.map_index,
                generation=generation,
                phase="none",
                summary=summary(Study()).to_json(),
                problem="This study cannot be read; the API server's log has the details.",
            )

    def _known(self, key: TaskKey, generation: int, address: str) -> RunRow:
        with self._lock:
            stream, known = self._closed.get(address, ("", None))
        if known is not None and streams(open_storage(address))[-1:] == [stream]:
            return known
        follower = read_study(address)
        row = self._read(follower, key, generation)
        if follower.study.closed is not None:
            with self._lock:
                self._closed.pop(address, None)
                if len(self._closed) >= _KEPT:
                    del self._closed[next(iter(self._closed))]
                self._closed[address] = (stream_of(follower), row)
        return row

    def _read(self, follower: StudyFollower, key: TaskKey, generation: int) -> RunRow:
        study = follower.study
        mask = study_mask(self._mask, study)
        found, phase = masked_summary(study, mask), phase_of(study, now=time.time())
        return RunRow(
            run_id=key.run_id,
            folder=key.run_id,
            map_index=key.map_index,
            generation=generation,
            phase=phase,
            started=study.attempts[0].opened if study.attempts else None,
            summary=mask(found.to_json()),
            texts={name: mask(text) for name, text in found.texts(state=phase.text).items()},
            best=best_params(found, named_dimensions(study, mask)),
            space=_fingerprint(study.spec.space) if study.spec else None,
        )


def _fingerprint(value: object) -> str:
    """Return a short hash of the value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
