"""Conformance tests of a backend."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_sparktune.driver.engines.base import Backend, BackendEvent, Ended, Lost
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.study.trial import FailureKind

PATIENCE_S = 60.0


def objective(params: dict[str, Any]) -> float:
    """Take `after_s` seconds, then raise `error` or return `loss`. The objective of the suite's trials."""
    until = time.monotonic() + params.get("after_s", 0.0)
    while time.monotonic() < until:
        time.sleep(0.02)  # short, so that a trial on the driver can be interrupted
    if "error" in params:
        raise ValueError(params["error"])
    loss: float = params["loss"]
    return loss


class BackendSuite:
    """Tests that a backend can run a study's trials.

    A backend supplies one fixture, `make_backend`: a function that returns a new backend with two slots,
    prepared to run `objective` of this module. The suite closes it.

        class TestMyBackend(BackendSuite):
            @pytest.fixture
            def make_backend(self):
                return lambda: MyBackend(ImportedTask("airflow_sparktune.testing.backend:objective", {}))
    """

    @pytest.fixture
    def backend(self, make_backend: Callable[[], Backend]) -> Any:
        made = make_backend()
        yield made
        made.close()

    def test_it_has_its_slots(self, backend: Backend) -> None:
        """The capacity is known before any trial runs."""
        assert backend.capacity == 2

    def test_it_describes_itself_in_texts(self, backend: Backend) -> None:
        """The facts for the journal have the names that the journal's event defines."""
        facts = backend.describe()
        assert set(facts) <= {"application", "master", "ui", "history"}
        assert all(value is None or isinstance(value, str) for value in facts.values())

    def test_each_trial_ends_once_with_its_own_loss(self, backend: Backend) -> None:
        """A slot runs one trial after another, in whatever order the running trials end."""
        for number in (0, 1):
            backend.submit(call(number, loss=number / 2))
        found: list[BackendEvent] = []
        for number in range(2, 8):
            if len(found) < number - 1:  # a slot for it is not free yet
                found += ends(backend, number - 1 - len(found))
            backend.submit(call(number, loss=number / 2))
        found += ends(backend, 8 - len(found))
        assert sorted((event.number, loss_of(event)) for event in found) == [(n, n / 2) for n in range(8)]

    def test_an_objective_that_raises_is_a_failed_trial(self, backend: Backend) -> None:
        """The failure has the exception's message, and the slot runs the next trial."""
        backend.submit(call(0, error="bad lr"))
        (event,) = ends(backend, 1)
        assert isinstance(event, Ended)
        assert event.reply.failure is not None
        assert event.reply.failure.kind is FailureKind.RAISED
        assert "bad lr" in event.reply.failure.message
        backend.submit(call(1, loss=0.5))
        assert loss_of(*ends(backend, 1)) == 0.5

    def test_slots_work_at_the_same_time(self, backend: Backend) -> None:
        """A short trial ends before a long one that started earlier."""
        backend.submit(call(0, loss=0.0, after_s=20.0))
        backend.submit(call(1, loss=1.0))
        assert [event.number for event in ends(backend, 1)] == [1]

    def test_waiting_ends_when_it_should(self, backend: Backend) -> None:
        """events returns an empty list after wait_s seconds without an event."""
        backend.submit(call(0, loss=0.0, after_s=20.0))
        assert list(backend.events(wait_s=0)) == []
        assert list(backend.events(wait_s=0.01)) == []

    def test_it_knows_how_long_a_trial_has_run(self, backend: Backend) -> None:
        """ran_s returns increasing seconds, or None while the trial waits for a slot."""
        backend.submit(call(0, loss=0.0, after_s=20.0))
        for _ in range(3):
            ran_s = backend.ran_s(0)
            assert ran_s is None or 0 <= ran_s < PATIENCE_S
            backend.events(wait_s=0.1)

    def test_a_cancelled_trial_is_lost_and_frees_its_slot(self, backend: Backend) -> None:
        """Other trials continue, and the freed slot runs the next trial."""
        backend.submit(call(0, loss=0.0, after_s=20.0))
        backend.submit(call(1, loss=1.0, after_s=2.0))
        backend.cancel(0)
        found = ends(backend, 2)
        backend.submit(call(2, loss=2.0))
        found += ends(backend, 1)
        assert {event.number: type(event) for event in found} == {0: Lost, 1: Ended, 2: Ended}

    def test_an_interrupt_comes_out_of_events(self, backend: Backend) -> None:
        """events raises the error of an interrupt, even while trials run."""
        backend.submit(call(0, loss=0.0, after_s=20.0))
        backend.interrupt(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            ends(backend, 1)

    def test_closing_twice_is_harmless(self, backend: Backend) -> None:
        """A second close does nothing."""
        backend.close()
        backend.close()


def call(number: int, **params: Any) -> Call:
    return Call(params, TrialContext(number, seed=number, attempt=1, tries=1))


def loss_of(event: BackendEvent) -> float | None:
    return event.reply.loss if isinstance(event, Ended) else None


def ends(backend: Backend, count: int) -> list[BackendEvent]:
    """Wait for at least `count` events; fails after PATIENCE_S seconds."""
    found: list[BackendEvent] = []
    until = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < until, f"only {len(found)} of {count} trials have ended"
        found += backend.events(wait_s=1.0)
    return found
