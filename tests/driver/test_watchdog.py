from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from airflow_sparktune.driver import watchdog

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.mark.parametrize("error", [PermissionError, ProcessLookupError])
def test_a_process_that_cannot_be_killed_does_not_protect_the_others(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """An objective may have started a process as another user."""
    children = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
    kill, refused = os.kill, []

    def refusing(pid: int, sign: int) -> None:
        if not refused:
            refused.append(pid)
            raise error
        kill(pid, sign)

    monkeypatch.setattr(os, "kill", refusing)
    # Not Watchdog.end, which would exit the test process.
    watchdog._kill([child.pid for child in children])
    assert children[1].wait(timeout=10) == -signal.SIGKILL
    kill(children[0].pid, signal.SIGKILL)
    children[0].wait(timeout=10)


# A task, its JVM that dies with it, and a driver that prints its pid and that of its child.
TASK = """
import subprocess, sys
from airflow_sparktune.orchestrator.deploy.process import die_with_parent
subprocess.run([sys.executable, "-c", *sys.argv[1:]], preexec_fn=die_with_parent())
"""
JVM = """
import subprocess, sys
subprocess.run([sys.executable, "-c", *sys.argv[1:]])
"""
DRIVER = """
import os, subprocess, sys, time
from pathlib import Path
from airflow_sparktune.driver.watchdog import Watchdog
jvm = os.getppid()
watchdog = Watchdog(Path(sys.argv[1]))
watchdog.start()
child = subprocess.Popen(["sleep", "600"])
print(os.getpid(), child.pid, flush=True)
while os.getppid() == jvm or sys.argv[2] == "waits":
    time.sleep(0.001)
time.sleep(float(sys.argv[2]))
watchdog.end(1)
"""
# A name that is not valid text.
ODD = "import ctypes; ctypes.CDLL(None).prctl(15, b'\\xff\\xfe'); print(flush=True); input()"


@pytest.mark.integration
@pytest.mark.parametrize(("main", "odd"), [("waits", False), ("waits", True), ("0", False), ("0.25", False)])
def test_a_killed_task_leaves_nothing_behind(tmp_path: Path, main: str, odd: bool) -> None:
    """No processes and no work folder are left, whether the watchdog or the main thread notices first."""
    work = tmp_path / "work"
    for number in range(300):
        (work / str(number)).mkdir(parents=True)
    pipe = subprocess.PIPE
    stranger = subprocess.Popen([sys.executable, "-c", ODD if odd else "input()"], stdin=pipe, stdout=pipe)
    command = [sys.executable, "-c", TASK, JVM, DRIVER, str(work), main]
    task = subprocess.Popen(command, stdout=pipe, text=True)
    with stranger, task:
        assert task.stdout is not None
        if odd:
            assert stranger.stdout is not None
            stranger.stdout.readline()
        family = [psutil.Process(int(pid)) for pid in task.stdout.readline().split()]
        assert len(family) == 2
        task.kill()
        psutil.wait_procs(family, timeout=10)
        left = [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
        for each in left:
            each.kill()
        stranger.kill()
    assert left == []
    assert not work.exists()


PARENT = """
import os, signal, subprocess, sys, time
from pathlib import Path
from airflow_sparktune.driver.watchdog import Watchdog
watchdog = Watchdog(Path(sys.argv[1]))
watchdog.start()
children = [
    subprocess.Popen(["sleep", "600"]).pid,
    subprocess.Popen(["timeout", "600", "sleep", "600"]).pid,
    subprocess.Popen(["sleep", "600"], start_new_session=True).pid,
    int(subprocess.check_output("sleep 600 >/dev/null & echo $!", shell=True)),
]
if (forked := os.fork()) == 0:
    time.sleep(600)
print(os.getpgid(0), os.getpid(), forked, *children, flush=True)
input()
watchdog.end(0)
"""


@pytest.mark.integration
@pytest.mark.parametrize("killed", [False, True])
def test_processes_started_by_trials_on_the_driver_end_with_it(tmp_path: Path, killed: bool) -> None:
    """This includes processes that left their group, session or parent. The driver keeps its own group."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", PARENT, str(tmp_path / "work")]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None
        group, *pids = map(int, driver.stdout.readline().split())
        family = [psutil.Process(pid) for pid in pids]
        if killed:
            driver.kill()
        else:
            driver.stdin.write("\n")
            driver.stdin.flush()
        left = psutil.wait_procs(family[1:], timeout=10)[1]
        left = [each for each in left if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
        for each in left:
            each.kill()
    assert left == []
    assert group == os.getpgid(0)
