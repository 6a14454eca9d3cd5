from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from airflow_sparktune.driver.termination import Killed, terminable


@pytest.fixture(autouse=True)
def _own_handler() -> Iterator[None]:
    """Restore the SIGTERM handler after each test."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_killed_is_raised_at_once_without_a_handler() -> None:
    with terminable():
        with pytest.raises(Killed):
            terminate()
        terminate()  # while the end is being recorded
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_killed_is_passed_to_the_handler_once() -> None:
    taken: list[BaseException] = []
    with terminable(taken.append) as termination:
        termination.defer()
        terminate()
        terminate()
    assert [type(error) for error in taken] == [Killed]


def test_a_swallowed_killed_is_passed_on_later() -> None:
    """An exception raised in a destructor is swallowed, for example."""
    taken: list[BaseException] = []
    with terminable(taken.append) as termination:
        with suppress(Killed):
            terminate()
        termination.defer()
    assert [type(error) for error in taken] == [Killed]


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and waits for no signal")
@pytest.mark.parametrize("asked", [False, True])
def test_sigterm_ends_children(asked: bool) -> None:
    """multiprocessing.Pool ends its workers with SIGTERM and waits for them."""
    with terminable(lambda _: None) as termination:
        if asked:
            termination.defer()
            terminate()
        ready, say = os.pipe()
        if (forked := os.fork()) == 0:
            try:
                os.write(say, b"!")
                signal.sigtimedwait([], 10)
            finally:
                os._exit(0)
        os.read(ready, 1)  # a signal sent while Python still forks is lost
        started = subprocess.Popen(["sleep", "60"])
        os.kill(forked, signal.SIGTERM)
        started.terminate()
        assert started.wait(timeout=10) == -signal.SIGTERM
        assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == -signal.SIGTERM


def test_a_users_own_handler_is_kept() -> None:
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    with terminable():
        terminate()
    assert received == [signal.SIGTERM]


def test_other_threads_do_not_change_signal_handlers() -> None:
    def run() -> None:
        with terminable():
            handlers.append(signal.getsignal(signal.SIGTERM))

    handlers: list[object] = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.SIG_DFL]
