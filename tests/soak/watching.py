"""The properties that every study of the soak must have."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.login import Login
from airflow_sparktune.dashboard.server import PAGE, local_app, url_of
from airflow_sparktune.errors import StorageError
from airflow_sparktune.loaded_study import load_study
from airflow_sparktune.study.journal.events import Event, Opened, TrialChanged
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.problems import Problems
from airflow_sparktune.study.journal.reader import StreamReader
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial
from tests.soak.runs import SPARKTUNE


class Witness:
    """Reads a study repeatedly, as a page does, and finds what has changed illegally.

    `broken` counts lost finished trials, numbers that were used twice, and other violations.
    """

    def __init__(self, address: str) -> None:
        self.broken: Counter[str] = Counter()
        self._address = address
        self._finished: dict[int, Trial] = {}

    def look(self) -> Study:
        """Read the study from its start; every finished trial must still be there, unchanged."""
        follower = StudyFollower(open_storage(self._address))
        follower.refresh()
        study = follower.study
        for problem in follower.problems:
            self.broken[f"problem: {problem}"] += 1
        for number, trial in self._finished.items():
            if study.trials.get(number) != trial:
                self.broken["finished trials lost"] += 1
        self._finished.update((number, trial) for number, trial in study.trials.items() if trial.counts)
        return study

    def audit(self) -> None:
        """Read each event that counts; a number must have one configuration and end once."""
        params: dict[int, object] = {}
        over: set[int] = set()
        seeds: set[int] = set()
        for event in events_of(self._address):
            match event:
                case Opened(seed=seed):
                    seeds.add(seed)
                case TrialChanged(trial=trial):
                    if trial.number in over or params.setdefault(trial.number, trial.params) != trial.params:
                        self.broken["numbers used twice"] += 1
                    if trial.counts:
                        over.add(trial.number)
        if len(seeds) > 1:
            self.broken["seeds of one study differ"] += 1

    def read_by_all(self, environment: dict[str, str]) -> None:
        """Show the study in the shell, to a notebook and on the page."""
        shown = subprocess.run(
            [SPARKTUNE, "show", self._address], env=environment, capture_output=True, text=True, check=False
        )
        if shown.returncode or "\x1b" in shown.stdout:
            self.broken["studies unreadable: show"] += 1
        try:
            load_study(self._address).trials_dataframe()
        except StorageError:
            self.broken["studies unreadable: load_study"] += 1
        login = Login(port=8501)
        page = TestClient(
            local_app(self._address, login=login),
            base_url="http://127.0.0.1:8501",
            raise_server_exceptions=False,
        )
        page.get(url_of(login))
        for path in ("study", "report?generation=0", "importance?generation=0"):
            if _status(page, f"{PAGE}{path}") != 200:
                self.broken[f"studies unreadable: page's {path}"] += 1


def events_of(address: str) -> Iterator[Event]:
    """Yield the events of a study that count, attempt by attempt."""
    storage = open_storage(address)
    follower = StudyFollower(storage)
    follower.refresh()
    for prefix in follower.prefix:
        yield from StreamReader(storage, prefix.stream, problems=Problems()).poll(upto=prefix.events)


def _status(page: TestClient, path: str) -> int:
    """Return the status of the page's answer; ask again, as a browser does, while it says when to."""
    until = time.monotonic() + 60
    while (answer := page.get(path)).status_code == 503 and time.monotonic() < until:
        time.sleep(float(answer.headers["Retry-After"]))
    return answer.status_code


def tail(log: Path, lines: int = 30) -> str:
    """Return the end of a log, for a message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
