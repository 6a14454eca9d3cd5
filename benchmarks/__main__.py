"""`python -m benchmarks`: run every benchmark, each in its own process, so that each starts cold."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

from benchmarks.machine import machine
from benchmarks.report import picture, table

# A benchmark is a module with QUESTION, TARGET, FULL, TINY and measure(), registered here. Optional names are
# QUICK, the size for --quick if leaving out the peers is not enough, and NEEDS, a library without which the
# benchmark is skipped.
MODULES = {
    "dispatch": "benchmarks.spark.dispatch",
    "utilisation": "benchmarks.spark.utilisation",
    "scaleout": "benchmarks.spark.scaleout",
    "budget": "benchmarks.spark.budget",
    "scaleout_torch": "benchmarks.spark.scaleout_torch",
    "budget_torch": "benchmarks.spark.budget_torch",
    "loop": "benchmarks.parts.loop",
    "segments_loop": "benchmarks.parts.segments",
    "ask": "benchmarks.parts.ask",
    "start": "benchmarks.start.submit",
    "start_airflow": "benchmarks.start.in_airflow",
    "trainings": "benchmarks.spark.trainings",
    "shared_data": "benchmarks.spark.shared_data",
    "segments": "benchmarks.spark.segments",
    "replay": "benchmarks.parts.replay",
    "listing": "benchmarks.parts.listing",
    "suggest": "benchmarks.parts.suggest",
    "reports": "benchmarks.parts.reports",
    "search": "benchmarks.search",
    "search_torch": "benchmarks.search.peer",
    "convergence": "benchmarks.search.convergence",
    "cost": "benchmarks.search.cost",
    "constrained": "benchmarks.search.constrained",
    "early_stopping": "benchmarks.early_stopping",
    "retuning": "benchmarks.retuning.decision",
    "warm_start": "benchmarks.retuning.warm_start",
    "year": "benchmarks.retuning.year",
}


def main() -> int:
    """Run the chosen benchmarks, and return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=MODULES, action="append", help="run this one (repeatable)")
    parser.add_argument(
        "--quick", action="store_true", help="leave out hyperopt's SparkTrials, search few problems"
    )
    parser.add_argument("--tiny", action="store_true", help="run at a size at which the figures mean nothing")
    parser.add_argument(
        "--here", action="store_true", help="run in this process, without describing the machine"
    )
    arguments = parser.parse_args()
    chosen = arguments.only or MODULES
    if arguments.here:
        for name in chosen:
            _measure(name, quick=arguments.quick, tiny=arguments.tiny)
        return 0
    print(machine(), flush=True)
    flags = [flag for flag in ("quick", "tiny") if getattr(arguments, flag)]
    codes = [
        subprocess.run(
            [sys.executable, "-m", "benchmarks", "--here", "--only", name, *(f"--{flag}" for flag in flags)],
            check=False,
        ).returncode
        for name in chosen
    ]
    return max(codes, key=abs)


def _measure(name: str, *, quick: bool, tiny: bool) -> None:
    benchmark = import_module(MODULES[name])
    print(f"\n{name}: {benchmark.QUESTION}\ntarget: {benchmark.TARGET}\n", flush=True)
    needs = getattr(benchmark, "NEEDS", None)
    if needs and find_spec(needs) is None:
        print(f"left out: {needs} is not installed")
        return
    size = (
        benchmark.TINY if tiny else getattr(benchmark, "QUICK", benchmark.FULL) if quick else benchmark.FULL
    )
    findings = benchmark.measure(size, peers=not (quick or tiny))
    print(table(findings.columns, findings.rows))
    for note in findings.notes:
        print(note)
    print(f"picture: {os.path.relpath(picture(name, benchmark.QUESTION, findings.draw))}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
