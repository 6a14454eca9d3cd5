"""A real Airflow on loopback: scheduler, API server and DAG processor with a separate home."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import psutil

PASSWORD = "admin-pass"
PATIENCE_S = 600  # for a busy machine; a test that claims to be fast waits for less
POLICY = Path(__file__).parent / "site"
SECOND_LOG = "second.log"
# PYTHONPATH: a worktree tests its own package with the environment of another one.
PASSED_ON = ("JAVA_HOME", "OPENBLAS_CORETYPE", "PYTHONPATH")
SPARK = {"AIRFLOW_CONN_SPARK_DEFAULT": '{"conn_type": "spark", "host": "local[2]"}'}

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A DAG run and the states of its tasks."""

    site: Site
    dag: str
    run: str

    def state(self, task: str = "tune", index: int = -1) -> str | None:
        """Return the task instance's state; None before it exists (a mapped one is created late)."""
        try:
            return str(self._instance(task, index)["state"])
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return None
            raise

    def tries(self, task: str = "tune") -> int:
        return int(self._instance(task)["try_number"])

    def wait(
        self,
        *states: str,
        task: str = "tune",
        index: int = -1,
        within_s: float = PATIENCE_S,
        every_s: float = 0.2,
    ) -> None:
        """Wait until a task's state is one of these."""
        wait_for(
            lambda: self.state(task, index),
            lambda state: state in states,
            what=f"{self.dag}.{task} in run {self.run} to be {' or '.join(states)}",
            within_s=within_s,
            every_s=every_s,
        )

    def wait_for_end(self) -> None:
        """Wait until the scheduler has recorded the end of all tasks."""
        wait_for(
            lambda: self.site.call("GET", f"dags/{self.dag}/dagRuns/{self.run}")["state"],
            lambda state: state in ("success", "failed"),
            what=f"the end of {self.dag}, run {self.run}",
        )

    def xcom(self, task: str = "tune", key: str = "return_value", index: int = -1) -> Any:
        path = f"{self.path(task)}/xcomEntries/{key}?map_index={index}&deserialize=true"
        return self.site.call("GET", path)["value"]

    def log(self, task: str = "tune", attempt: int = 1) -> str:
        return json.dumps(self.site.call("GET", f"{self.path(task)}/logs/{attempt}?full_content=true"))

    def clear(self, task: str) -> None:
        body = {"dry_run": False, "dag_run_id": self.run, "task_ids": [task], "only_failed": False}
        self.site.call("POST", f"dags/{self.dag}/clearTaskInstances", **body)

    def delete(self) -> None:
        """Delete the run with all that Airflow keeps about it."""
        self.site.call("DELETE", f"dags/{self.dag}/dagRuns/{self.run}")

    def mark_failed(self, task: str = "tune") -> None:
        self.site.call("PATCH", self.path(task), new_state="failed")

    def question(self, task: str) -> Any:
        """Return a task's question to a user, once the task can be answered.

        Airflow fails a task that is answered before its scheduler has recorded the end of the process that
        asked: it mistakes the answered task's queued state for a crash. Only its log shows the recording.
        """
        self.wait("awaiting_input", "failed", "skipped", "upstream_failed", task=task)
        heard = f"TaskInstance Finished: dag_id={self.dag}, task_id={task}, run_id={self.run}"
        wait_for(lambda: self.site.scheduler_has_said(heard), what=f"{heard!r} in the scheduler's log")
        return self.site.call("GET", f"{self.path(task)}/-1/hitlDetails")

    def answer(self, task: str, option: str) -> None:
        self.site.call("PATCH", f"{self.path(task)}/-1/hitlDetails", chosen_options=[option])

    def path(self, task: str) -> str:
        return f"dags/{self.dag}/dagRuns/{self.run}/taskInstances/{task}"

    def _instance(self, task: str, index: int = -1) -> Any:
        suffix = "" if index < 0 else f"/{index}"
        return self.site.call("GET", f"{self.path(task)}{suffix}")


@dataclass(frozen=True)
class Site:
    """A running Airflow; `url` ends without a slash."""

    url: str
    home: Path
    password: str = PASSWORD
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def call(self, method: str, path: str, **data: Any) -> Any:
        """Call Airflow's API as the administrator.

        Airflow responds with 500 if its SQLite is locked for too long; idempotent requests are retried.
        """
        for left in (3, 2, 1, 0):
            answer = self._api.request(method, path, json=data or None)
            if answer.is_server_error and left and method in ("GET", "PATCH"):
                continue
            answer.raise_for_status()
            break
        return answer.json() if answer.content else None

    @cached_property
    def _api(self) -> httpx.Client:
        """Return a client that has logged in once: each wait asks several times a second."""
        return httpx.Client(
            base_url=f"{self.url}/api/v2/",
            headers=logged_in(self.url, "admin", self.password),
            limits=httpx.Limits(max_keepalive_connections=0),  # a server may close an idle connection
            timeout=60,
        )

    def trigger(self, dag: str, run: str = "r1", *, date: str | None = None) -> Run:
        """Start a run of a DAG, optionally for a logical date, as soon as its file has been parsed."""
        self.unpause(dag)
        body = {"dag_run_id": run, "logical_date": None if date is None else f"{date}T00:00:00Z"}
        for left in (3, 2, 1, 0):
            answer = self._api.post(f"dags/{dag}/dagRuns", json=body)
            if not (answer.is_server_error and left):
                break
        # By its id, a run is started once, also if the answer to an earlier request was an error.
        if not (answer.status_code == httpx.codes.CONFLICT and left < 3):
            answer.raise_for_status()
        return Run(self, dag, run)

    def unpause(self, dag: str) -> None:
        """Unpause a DAG as soon as its file has been parsed."""
        wait_for(
            lambda: [each["dag_id"] for each in self.call("GET", "dags")["dags"]],
            lambda parsed: dag in parsed,
            what=f"the DAG {dag} to be parsed",
        )
        self.call("PATCH", f"dags/{dag}", is_paused=False)

    def runs(self, dag: str) -> list[Run]:
        """Return the runs of a DAG, oldest first."""
        found = self.call("GET", f"dags/{dag}/dagRuns?order_by=run_after")["dag_runs"]
        return [Run(self, dag, each["dag_run_id"]) for each in found]

    def scheduler_has_said(self, text: str) -> bool:
        """Return whether a line in any scheduler's log contains the text."""
        logs = (self.home / name for name in ("standalone.log", SECOND_LOG))
        return any(text in log.read_text(errors="replace") for log in logs if log.exists())

    def process(self, component: str) -> psutil.Process:
        """Return the process of a component of Airflow, such as its scheduler, that Airflow has started."""
        (found,) = (each for each in psutil.process_iter() if self._is(component, each))
        return found

    def starter(self, like: psutil.Process) -> Callable[[], None]:
        """Return a function that starts another component in the same way as `like` was started."""
        command, environment = like.cmdline(), like.environ()

        def start() -> None:
            with (self.home / SECOND_LOG).open("wb") as log:
                self.started.append(
                    subprocess.Popen(
                        command,
                        env=environment,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        stdin=subprocess.DEVNULL,
                        start_new_session=True,
                    )
                )

        return start

    def _is(self, component: str, process: psutil.Process) -> bool:
        try:
            if process.environ().get("AIRFLOW_HOME") != str(self.home):
                return False
            above = process.parent()
            return component in process.cmdline() and "standalone" in (above.cmdline() if above else ())
        except psutil.Error:  # it has ended, or belongs to another user
            return False


def wait_for(
    look: Callable[[], T],
    until: Callable[[T], object] = bool,
    *,
    what: str,
    within_s: float = PATIENCE_S,
    every_s: float = 0.2,
) -> T:
    """Look until what is seen meets `until`, and return it.

    Raises a TimeoutError that names `what` was awaited and what was last seen.
    """
    end = time.monotonic() + within_s
    while not until(seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {within_s:g} s for {what}; last seen: {seen!r}")
        time.sleep(every_s)
    return seen


@contextmanager
def standalone(
    home: Path, *, bundles: Mapping[str, Path], environment: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """Run `airflow standalone` with folders of DAGs, by its path, without a venv on PATH.

    No DAG runs by the clock. `environment` overrides its environment variables.
    """
    (home / "config").symlink_to(POLICY)  # Airflow looks there for its local settings
    site = Site(f"http://localhost:{free_port()}", home)
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    folders = [
        {"name": name, "classpath": local, "kwargs": {"path": str(path)}} for name, path in bundles.items()
    ]
    variables = {
        # `airflow standalone` starts `airflow` by name; no other program of the venv may be on PATH.
        "PATH": f"{_only_airflow(home)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": os.environ["HOME"],
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "3",
        # For a busy machine, and because no file changes.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(folders),
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        **SPARK,
        **(environment or {}),
    }
    with running(
        "standalone", site.url, home, passwords={"admin": PASSWORD}, role="admin", environment=variables
    ):
        try:
            yield site
        finally:
            for process in site.started:
                end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a session leader and all processes that it has started."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def running(
    command: str,
    url: str,
    home: Path,
    *,
    passwords: Mapping[str, str],
    role: str,
    environment: Mapping[str, str],
) -> Iterator[None]:
    """Run the `airflow` command in this context, with its API server at `url`, for users by password."""
    passwords_file = home / f"{command}-passwords.json"
    passwords_file.write_text(json.dumps(passwords))
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user in passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file),
        "AIRFLOW__API__BASE_URL": f"{url}/",
        "AIRFLOW__API__PORT": str(urlsplit(url).port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": "for tests only, nothing behind it",
        "AIRFLOW__API_AUTH__JWT_SECRET": "for tests only, nothing behind it, and long enough for the hash",
    }
    log = home / f"{command}.log"
    # A new session, because a SIGINT to its process group stops all of Airflow.
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "airflow"), command],
            env={**environment, **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        wait_for(lambda: _health(url), lambda seen: seen == httpx.codes.OK, what=f"Airflow at {url}")
        yield
    except TimeoutError as error:
        raise TimeoutError(f"{error}; the end of Airflow's log:\n{log.read_text()[-3000:]}") from error
    finally:
        end_group(process)


def logged_in(url: str, user: str, password: str) -> dict[str, str]:
    """Return the headers for requests of a user who has logged in."""
    login = {"username": user, "password": password}
    token = httpx.post(f"{url}/auth/token", json=login, timeout=30).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _only_airflow(home: Path) -> Path:
    folder = home / "bin"
    folder.mkdir()
    (folder / "airflow").symlink_to(Path(sys.executable).parent / "airflow")
    return folder


def _health(url: str) -> int | str:
    """Return the status of the health check, or why there was no answer."""
    try:
        return httpx.get(f"{url}/api/v2/monitor/health", timeout=5).status_code
    except httpx.HTTPError as error:
        return str(error)
