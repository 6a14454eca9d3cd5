"""One lane checks the workers for all."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from airflow_sparktune.driver.engines.base import Patience
from airflow_sparktune.driver.engines.once import Once
from airflow_sparktune.errors import ObjectiveError, PlatformError


class Check:
    """Counts its calls, and raises the errors given, one a call."""

    def __init__(self, *errors: BaseException) -> None:
        self.calls = 0
        self._errors = list(errors)

    def __call__(self, patience: Patience) -> None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)


def test_what_has_passed_is_not_called_again() -> None:
    once, check = Once(), Check()
    once(check, Patience())
    once(check, Patience())
    assert check.calls == 1


def test_an_error_of_the_platform_is_every_lanes() -> None:
    once, check = Once(), Check(PlatformError("another Python"))
    for _ in range(2):
        with pytest.raises(PlatformError, match="another Python"):
            once(check, Patience())
    assert check.calls == 1


@pytest.mark.parametrize("error", [ObjectiveError("no such argument"), KeyboardInterrupt()])
def test_any_other_error_is_the_lanes_own(error: BaseException) -> None:
    """The next lane checks again: a segment may have wrong arguments of its own."""
    once, check = Once(), Check(error)
    with pytest.raises(type(error)):
        once(check, Patience())
    once(check, Patience())
    assert check.calls == 2


def test_a_lane_that_waits_for_the_check_of_another_looks_meanwhile() -> None:
    """It records that its driver is alive, and a SIGTERM reaches it."""
    once, calling, looked = Once(look_s=0.01), threading.Event(), threading.Event()

    def check(patience: Patience) -> None:
        calling.set()
        assert looked.wait(30.0)

    first = threading.Thread(target=once, args=(check, Patience()))
    first.start()
    assert calling.wait(30.0)
    once(check, Patience(look=looked.set))
    first.join()


def test_the_lanes_may_have_more_patience_together() -> None:
    """A segment of a minute does not end the wait of all for the cluster."""
    once, seen = Once(lambda patience: replace(patience, timeout=None, left_s=3600.0)), list[float]()
    once(lambda patience: seen.append(patience.left_s), Patience(timeout=60.0, left_s=60.0))
    assert seen == [3600.0]
