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


def test_it_is_raised_at_once_where_nobody_takes_it() -> None:
    with terminable():
        with pytest.raises(Killed):
            terminate()
        terminate()  # while the end is being recorded
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_it_is_given_to_the_one_who_takes_it() -> None:
    taken: list[BaseException] = []
    with terminable() as termination:
        termination.hand_to(taken.append)
        terminate()
        terminate()
    assert [type(error) for error in taken] == [Killed]


def test_one_that_was_swallowed_is_given_later() -> None:
    """An exception raised in a destructor is swallowed, for example."""
    taken: list[BaseException] = []
    with terminable() as termination:
        with suppress(Killed):
            terminate()
        termination.hand_to(taken.append)
    assert [type(error) for error in taken] == [Killed]


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and waits for no signal")
@pytest.mark.parametrize("asked", [False, True])
def test_children_end_by_it(asked: bool) -> None:
    """multiprocessing.Pool ends its workers with SIGTERM and waits for them."""
    with terminable() as termination:
        if asked:
            termination.hand_to(lambda _: None)
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


def test_a_handler_of_the_users_own_stays() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    with terminable():
        terminate()
    assert heard == [signal.SIGTERM]


def test_another_thread_than_the_main_one_leaves_signals_alone() -> None:
    def run() -> None:
        with terminable():
            handlers.append(signal.getsignal(signal.SIGTERM))

    handlers: list[object] = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.SIG_DFL]
