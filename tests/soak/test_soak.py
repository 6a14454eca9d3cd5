"""Long tests: studies with kills, full disks, S3 faults and misbehaving objectives.

    SPARKTUNE_SOAK_S=3600 SPARKTUNE_SOAK_LOG=soak.jsonl pytest -m soak tests/soak

The log has a line per study with its faults and its result. A seed in SPARKTUNE_SOAK_SEED repeats the random
choices, but their timing depends on the machine.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.soak.places import Place, in_trouble
from tests.soak.runs import KINDS, Run, disturb, engine_study, shell_study, start_engine, start_shell
from tests.soak.watching import Witness, tail

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

FOR_S = float(os.environ.get("SPARKTUNE_SOAK_S", "3600"))
LOG = os.environ.get("SPARKTUNE_SOAK_LOG")
SEED = int(os.environ.get("SPARKTUNE_SOAK_SEED", str(time.time_ns() % 10**9)))
# A run that takes longer is stuck: a study's limits are minutes at most on an idle machine.
STUCK_S = 1_800.0
MOST_RUNS = 40


def test_studies_outlive_everything(places: list[Place], tmp_path: Path) -> None:
    rng, total, studies = random.Random(SEED), Counter[str](), 0
    log = Path(LOG) if LOG else tmp_path / "soak.jsonl"
    until = time.monotonic() + FOR_S
    _say(log, seed=SEED, for_s=FOR_S)
    while time.monotonic() < until:
        # Few studies use the shell, because a run with Spark takes as long as twenty without.
        place, engine = rng.choice(places), "shell" if studies % 5 == 2 else "engine"
        began = time.monotonic()
        folder = tmp_path / f"study{studies}"
        folder.mkdir()
        figures = _one_study(place, engine, rng, folder)
        studies += 1
        total.update(figures)
        _say(
            log, study=studies, place=place.name, engine=engine, s=round(time.monotonic() - began), **figures
        )
    for place in places:
        total.update({f"{place.name}: {what}": count for what, count in place.troubles.items()})
    _say(log, studies=studies, total=dict(sorted(total.items())))
    assert {what: count for what, count in total.items() if what.startswith("BROKEN")} == {}
    assert studies


def _one_study(place: Place, engine: str, rng: random.Random, folder: Path) -> Counter[str]:
    """Run a study to its end, with as many runs as that takes, and read it in all ways that users have."""
    figures, address, log = Counter[str](), place.new_address(), folder / "runs.log"
    study = shell_study(rng) if engine == "shell" else engine_study(rng)
    start = start_shell if engine == "shell" else start_engine
    witness = Witness(address)
    troubled = rng.randint(1, 3) if engine == "shell" else rng.randint(1, 6)
    for number in range(MOST_RUNS):
        run = start(address, place.environment, log, study)
        if number < troubled:
            with in_trouble(place, rng):
                _live_through(run, rng, KINDS[engine], witness, figures)
        else:
            _wait(run, witness, figures)
        figures["runs"] += 1
        for command in run.left():
            figures[f"BROKEN: process left: {command[:120]}"] += 1
        if run.process.returncode == 0 and witness.look().result_stands:
            break
    else:
        figures["BROKEN: studies without an end"] += 1
    found = witness.look()
    figures["trials"] = len(found.trials)
    figures["finished"] = found.finished
    figures["attempts"] = len(found.attempts)
    if found.finished < study["max_evals"]:
        figures["BROKEN: studies short of trials"] += 1
    witness.audit()
    witness.read_by_all(dict(os.environ))
    figures.update({f"BROKEN: {what}": count for what, count in witness.broken.items()})
    if any(what.startswith("BROKEN") for what in figures):
        print(f"{address} ({study}):\n{tail(log)}")  # noqa: T201 - pytest shows it where the test fails
    return figures


def _live_through(
    run: Run, rng: random.Random, kinds: list[str], witness: Witness, figures: Counter[str]
) -> None:
    """Disturb a run at random moments until it has ended."""
    attempts = len(witness.look().attempts)
    until = time.monotonic() + STUCK_S
    while not run.ended and time.monotonic() < until and len(witness.look().attempts) == attempts:
        if rng.random() < 0.003:  # while it starts
            break
        time.sleep(0.1)
    while not run.ended and time.monotonic() < until:
        next_s = time.monotonic() + rng.uniform(0.1, 8 if "kill jvm" in kinds else 1.5)
        while not run.ended and time.monotonic() < next_s:
            witness.look()
            time.sleep(0.05)
        kind = rng.choice(kinds)
        if not run.ended:
            disturb(run, kind)
            figures[kind] += 1
    _end(run, witness, figures, until)


def _wait(run: Run, witness: Witness, figures: Counter[str]) -> None:
    _end(run, witness, figures, time.monotonic() + STUCK_S)


def _end(run: Run, witness: Witness, figures: Counter[str], until: float) -> None:
    while not run.ended and time.monotonic() < until:
        witness.look()
        time.sleep(0.2)
    if not run.ended:
        figures["BROKEN: runs stuck"] += 1
        run.process.kill()
    run.process.wait()


def _say(log: Path, **facts: Any) -> None:
    with log.open("a") as file:
        file.write(json.dumps(facts) + "\n")
