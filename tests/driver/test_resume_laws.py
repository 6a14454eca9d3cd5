"""However often a driver dies between two events, the next attempts complete the study."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialState
from benchmarks.simulated import Ending
from tests.driver.world import MemoryStorage, World, raises

MAX_EVALS = 12
# More tries than deaths, so that no trial counts as the cause of its drivers' deaths.
LIMITS = {"max_evals": MAX_EVALS, "limits": {"max_trial_retries": 9}}


def eventful(call: Call) -> Ending:
    """Play trials of different lengths: some fail, some lose their worker once, and one is long."""
    number = call.trial.number
    if number % 5 == 2:
        return raises(after_s=1.0 + number % 2)
    if number % 4 == 3 and call.trial.tries == 1:
        return Ending(0.5, lost="gone")
    return Ending.ok(call.params["x"], after_s=100.0 if number == 6 else 1.0 + number % 3)


def cut(world: World, events: int) -> World:
    """Return the world after a driver has died with only its first `events` events durable."""
    storage = MemoryStorage(world.storage.files)
    stream = max(storage.names(FOLDER))
    lines = [
        line
        for name in storage.names(f"{FOLDER}/{stream}")
        for line in storage.read(f"{FOLDER}/{stream}/{name}").splitlines(keepends=True)
    ]
    for name in storage.names(f"{FOLDER}/{stream}"):
        storage.remove([f"{FOLDER}/{stream}/{name}"])
    kept = lines[: events % (len(lines) + 1)]
    if kept:
        storage.write(f"{FOLDER}/{stream}/{1:08d}-{len(kept):08d}.jsonl", b"".join(kept))
    return World(storage=storage, clock=world.clock)


def whole(capacity: int) -> World:
    world = World()
    world.attempt(eventful, capacity=capacity, **LIMITS)
    return world


ONE, FOUR = whole(1), whole(4)
deaths = st.lists(st.integers(0, 1_000), min_size=1, max_size=4)


@given(deaths)
def test_one_slot_gives_the_sequence_of_an_uninterrupted_run(deaths: list[int]) -> None:
    world = ONE
    for events in deaths:
        world = cut(world, events)
        world.attempt(eventful, **LIMITS)
    assert world.params == ONE.params
    assert [trial.loss for trial in world.trials.values()] == [trial.loss for trial in ONE.trials.values()]


@given(deaths)
def test_several_slots_keep_every_result_and_rerun_the_others(deaths: list[int]) -> None:
    world = FOUR
    for events in deaths:
        world = cut(world, events)
        before: Study = world.storage.study()
        world.attempt(eventful, capacity=4, **LIMITS)
        after = world.trials
        assert sum(trial.counts for trial in after.values()) == MAX_EVALS
        assert TrialState.RUNNING not in {trial.state for trial in after.values()}
        for number, trial in before.trials.items():
            if trial.state is TrialState.RUNNING:
                assert after[number].params == trial.params
            else:
                assert after[number] == trial
        assert world.slots is not None
        first_tries = Counter(call.trial.number for call in world.slots.calls if call.trial.tries == 1)
        ended = {trial.number for trial in before.trials.values() if trial.counts}
        assert set(first_tries.values()) <= {1}
        assert not ended & set(first_tries)
