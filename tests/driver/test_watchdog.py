from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from airflow_sparktune.driver import watchdog


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("error", [PermissionError, ProcessLookupError])
def test_a_process_that_cannot_be_killed_does_not_keep_the_others(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """An objective may have started one as another user."""
    children = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
    kill, refused = os.kill, []

    def refusing(pid: int, sign: int) -> None:
        if not refused:
            refused.append(pid)
            raise error
        kill(pid, sign)

    monkeypatch.setattr(os, "kill", refusing)
    # Not end_children: other children of the process that runs the tests must live.
    watchdog._kill([child.pid for child in children])
    assert children[1].wait(timeout=10) == -signal.SIGKILL
    kill(children[0].pid, signal.SIGKILL)
    children[0].wait(timeout=10)
