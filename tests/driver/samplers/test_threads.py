from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from airflow_sparktune.driver.samplers.threads import SharedLimit


def test_a_limit_ends_with_its_last_user() -> None:
    """Samplers of two studies do not end in the order in which they began, or its reverse."""
    threads = [4]

    @contextmanager
    def one() -> Iterator[None]:
        before, threads[0] = threads[0], 1
        yield
        threads[0] = before

    limit = SharedLimit(one)
    for _ in range(2):
        first, second = ExitStack(), ExitStack()
        first.enter_context(limit())
        second.enter_context(limit())
        first.close()
        assert threads == [1]
        second.close()
        assert threads == [4]
