"""One lane checks the workers for all."""

from __future__ import annotations

import pytest

from airflow_sparktune.driver.engines.once import Once
from airflow_sparktune.errors import ObjectiveError, PlatformError


class Check:
    """Counts its calls, and raises the errors given, one a call."""

    def __init__(self, *errors: BaseException) -> None:
        self.calls = 0
        self._errors = list(errors)

    def __call__(self) -> None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)


def test_what_has_passed_is_not_called_again() -> None:
    once, check = Once(), Check()
    once(check)
    once(check)
    assert check.calls == 1


def test_an_error_of_the_platform_is_every_lanes() -> None:
    once, check = Once(), Check(PlatformError("another Python"))
    for _ in range(2):
        with pytest.raises(PlatformError, match="another Python"):
            once(check)
    assert check.calls == 1


@pytest.mark.parametrize("error", [ObjectiveError("no such argument"), KeyboardInterrupt()])
def test_any_other_error_is_the_lanes_own(error: BaseException) -> None:
    """The next lane checks again: a segment may have wrong arguments of its own."""
    once, check = Once(), Check(error)
    with pytest.raises(type(error)):
        once(check)
    once(check)
    assert check.calls == 2
