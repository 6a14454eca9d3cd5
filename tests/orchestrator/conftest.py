from __future__ import annotations

import json
import os
import stat
import sys
import threading
import types
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.execution_time.context import NEVER_EXPIRE, OutletEventAccessors

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import uniform

# The folder of the studies of the task instance below, in its storage.
RUN = "churn/tune/manual__2026-01-01T00_00_00_00_00-1e8dc70c"


class TaskInstance:
    """The part of a task instance that the operator uses."""

    def __init__(self, *, max_tries: int = 0, map_index: int = -1) -> None:
        self.dag_id, self.task_id, self.run_id = "churn", "tune", "manual__2026-01-01T00:00:00+00:00"
        self.max_tries, self.map_index = max_tries, map_index
        self.try_number = 1
        self.pushed: dict[str, Any] = {}
        self.stats_tags: dict[str, str] = {}

    def get_dr_count(self, dag_id: str, *, run_ids: list[str], states: list[str]) -> int:
        """Return that no earlier run is at work."""
        return 0

    def xcom_push(self, *, key: str, value: Any) -> None:
        json.dumps(value, allow_nan=False)
        self.pushed[key] = value


class Store:
    """A task's state store, which the tries of a task share."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.lasting: set[str] = set()

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        self.values[key] = json.loads(json.dumps(value))
        if retention is NEVER_EXPIRE:
            self.lasting.add(key)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return tmp_path / "studies"


@pytest.fixture
def operator(storage: Path) -> Callable[..., SparkTuneOperator]:
    """Return an operator with valid arguments, which a test can override."""

    def make(**given: Any) -> SparkTuneOperator:
        arguments = {"objective": "m:f", "space": {"x": uniform(0, 1)}, "max_evals": 3, "seed": 1}
        return SparkTuneOperator(task_id="tune", **{"storage": str(storage), **arguments, **given})

    return make


@pytest.fixture
def rendered(operator: Callable[..., SparkTuneOperator]) -> Callable[..., SparkTuneOperator]:
    """Return an operator whose arguments were templates or mapped, and have these values now."""

    def make(**values: Any) -> SparkTuneOperator:
        task = operator()
        for name, value in values.items():
            setattr(task, name, value)
        return task

    return make


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """Execute or resume an operator as a task would; returns the result and the task instance."""

    def execute(
        task: Any,
        *,
        store: Any = None,
        events: Any = None,
        parsed: Any = None,
        dates: Any = None,
        clears: int = 0,
        resume: tuple[str, dict[str, Any]] | None = None,
        **instance: Any,
    ) -> tuple[Any, TaskInstance]:
        ti = TaskInstance(**instance)
        dag = types.SimpleNamespace(
            fileloc=str(tmp_path / "dags" / "dag.py"), task_dict={"tune": parsed or task}
        )
        context = {
            "ti": ti,
            "task": task,
            "dag": dag,
            "dag_run": types.SimpleNamespace(clear_number=clears),
            "task_state_store": store,
            "outlet_events": OutletEventAccessors() if events is None else events,
            **(dates or {}),
        }
        if resume is None:
            return task.execute(context), ti
        return task.resume_execution(*resume, context), ti

    return execute


@pytest.fixture
def spark_submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[], Any]]:
    """Put the stand-in on PATH with a behaviour; returns a function that reads how it was started."""

    def install(behaviour: str, *, master: str = "local[2]", **extra: Any) -> Callable[[], Any]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "spark-submit"
        script = Path(__file__).parent / "stand_in_submit.py"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        note = tmp_path / "note.json"
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("STAND_IN", behaviour)
        monkeypatch.setenv("STAND_IN_NOTE", str(note))
        connection = {"conn_type": "spark", "host": master, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection))
        return lambda: json.loads(note.read_text()) if note.exists() else None

    return install


class ResourceManager(ThreadingHTTPServer):
    """Stands in for YARN's resource manager; an application runs until it is killed, or until `finished`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ApplicationPage)
        self.killed: list[str] = []
        self.finished = False
        self.refuses: dict[str, int] = {}  # the status of answers, by the last part of the path
        self.address = f"http://127.0.0.1:{self.server_port}"


class ApplicationPage(BaseHTTPRequestHandler):
    """Serves `GET /ws/v1/cluster/apps/ID` and `PUT /ws/v1/cluster/apps/ID/state`."""

    server: ResourceManager

    def do_GET(self) -> None:
        state, final = ("FINISHED", "SUCCEEDED") if self.server.finished else ("RUNNING", "UNDEFINED")
        application = self.path.split("/")[-1]
        if application in self.server.killed:
            state, final = "KILLED", "KILLED"
        if status := self.server.refuses.get(application):
            self.send_error(status)
            return
        self._answer({"app": {"state": state, "finalStatus": final, "diagnostics": ""}})

    def do_PUT(self) -> None:
        assert json.loads(self.rfile.read(int(self.headers["Content-Length"]))) == {"state": "KILLED"}
        if status := self.server.refuses.get("state"):
            self.send_error(status)
            return
        self.server.killed.append(self.path.split("/")[-2])
        self._answer({"state": "KILLED"})

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def _answer(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def resource_manager() -> Iterator[ResourceManager]:
    """Yield a running stand-in."""
    with ResourceManager() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
