"""The samplers of an application work one after another, and none holds up the others."""

from __future__ import annotations

import threading
from typing import Any

from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.driver.segments.plan import TakingTurns
from tests.driver.world import DigestSampler

PATIENCE_S = 30.0


class Sampler(DigestSampler):
    """Works until `go` is set."""

    has_model = True

    def __init__(self, go: threading.Event) -> None:
        super().__init__()
        self.go = go
        self.begun = threading.Event()

    def ask(self, number: int, *, seed: int) -> Suggestion:
        self.begun.set()
        assert self.go.wait(PATIENCE_S)
        return super().ask(number, seed=seed)


def in_a_thread(sampler: Any) -> threading.Thread:
    thread = threading.Thread(target=lambda: sampler.ask(0, seed=1))
    thread.start()
    return thread


def test_a_sampler_that_hangs_holds_up_no_other() -> None:
    """The others wait for a moment only, and take turns again when it has ended."""
    hanging, go = threading.Event(), threading.Event()
    go.set()
    turn = threading.Lock()
    first, second = Sampler(hanging), Sampler(go)
    thread = in_a_thread(TakingTurns(first, turn))
    assert first.begun.wait(PATIENCE_S)
    assert TakingTurns(second, turn).ask(0, seed=1).by == "digest"
    assert turn.locked()
    hanging.set()
    thread.join(PATIENCE_S)
    assert not turn.locked()


def test_it_is_the_sampler_in_all_else() -> None:
    """Whatever the loop asks of it."""
    sampler = Sampler(threading.Event())
    turns = TakingTurns(sampler, threading.Lock())
    assert (turns.has_model, turns.dimensions) == (True, ())
    assert turns.recommend() is None
