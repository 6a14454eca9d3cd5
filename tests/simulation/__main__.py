"""Run the histories of some seeds, such as `0-3000`, or print the story of one, such as `17`.

With the name of a fault as second argument, its mend is taken back.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial

from tests.simulation.faults import FAULTS
from tests.simulation.history import History

AT_ONCE = 100  # seeds for a worker


def broken(seed: int, *, story: list[str] | None = None) -> str | None:
    """Run a history; return how it broke, if it did."""
    try:
        History(seed, story=story).run()
    except Exception as error:  # noqa: BLE001 - any error breaks a history
        return f"{type(error).__name__}: {error}"
    return None


def run(seeds: range, *, fault: str | None) -> tuple[list[str], float]:
    """Return a line for each seed that broke, and the seconds of CPU that they took, without the kernel's."""
    logging.disable()  # what is logged is part of no history
    gc.collect()
    gc.disable()  # saves a tenth of the time
    began = os.times().user
    with FAULTS[fault]() if fault else nullcontext():
        found = [f"seed {seed}: {how:.300}" for seed in seeds if (how := broken(seed)) is not None]
    return found, os.times().user - began


def main(seeds: str, fault: str | None = None) -> int:
    first, _, last = seeds.partition("-")
    if not last:
        logging.disable()
        story: list[str] = []
        with FAULTS[fault]() if fault else nullcontext():
            how = broken(int(first), story=story)
        print("\n".join(story), how or "all invariants hold", sep="\n")
        return how is not None
    parts = [range(at, min(at + AT_ONCE, int(last))) for at in range(int(first), int(last), AT_ONCE)]
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        results = list(_shown(workers.map(partial(run, fault=fault), parts)))
    count, cpu_s = int(last) - int(first), sum(cpu_s for _, cpu_s in results)
    failed = sum(len(found) for found, _ in results)
    print(f"{count} histories, {failed} broken; {60 * count / cpu_s:.0f} a minute of CPU")
    return failed > 0


def _shown(results: Iterator[tuple[list[str], float]]) -> Iterator[tuple[list[str], float]]:
    for found, cpu_s in results:
        for line in found:
            print(line, flush=True)
        yield found, cpu_s


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
