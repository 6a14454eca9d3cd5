"""Measure how long a report of a trial waits for its answer, with worker processes that report at once."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from airflow_sparktune.driver.pruners import pruner_of
from airflow_sparktune.driver.reports.channel import Channel
from airflow_sparktune.driver.reports.judge import Judge
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.executor.evaluate import Call, StudyObjective, run
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.reports.link import SocketReports
from airflow_sparktune.executor.reports.report import Answer, Door, Report, Reports
from airflow_sparktune.executor.reports.reporting import ReportingObjective
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.objectives import SPACE, loss_of
from benchmarks.report import Findings, middle

QUESTION = "How long does a report wait for its answer?"
TARGET = (
    "at most 1 ms in the median and 20 ms at the 99th percentile with 32 trials that report at once; "
    "a trial that does not report opens no connection"
)
HOST = "127.0.0.1"
# Finished trials, whose curves the pruner compares, and which the sampler has learnt from.
KNOWN = 100
EMPTY_RUNS = 200


@dataclass(frozen=True, slots=True)
class Size:
    """Let `trials` processes send `reports` reports each, one every `beat_s` seconds."""

    trials: int
    reports: int
    beat_s: float


FULL = Size(trials=32, reports=100, beat_s=0.1)
TINY = Size(trials=2, reports=3, beat_s=0.01)
ASKS = "asks tpe without a pause"
# When the trials report: each at moments of its own, or all at the same moments.
WHEN = {"each at its own moments": True, "all at the same moments": False}


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - there are no peers
    """Measure the milliseconds of all reports, with an idle driver and one that asks its sampler."""
    found = {
        (when, driver): _milliseconds(size, spread=spread, busy=driver == ASKS)
        for driver in ("idle", ASKS)
        for when, spread in WHEN.items()
    }
    rows = [
        (when, driver, len(each), middle(each), each[len(each) * 99 // 100], each[-1])
        for (when, driver), each in found.items()
    ]

    def draw(axes: Any) -> None:
        for (when, driver), each in found.items():
            axes.plot(each, [at / len(each) for at in range(1, len(each) + 1)], label=f"{when}, {driver}")
        axes.set(xlabel="ms until the answer", ylabel="share of the reports", xscale="log")

    columns = ("trials report", "driver", "reports", "median ms", "99th percentile ms", "longest ms")
    return Findings(columns, rows, draw, [_without_reports()])


def _milliseconds(size: Size, *, spread: bool, busy: bool) -> list[float]:
    """Return the round trips of all reports, the shortest first."""
    judge = Judge(pruner_of("median"), Metric())
    for number in range(size.trials + KNOWN):
        trial = Trial(number=number, params={}, point={})
        judge.begin(trial)
        if number >= size.trials:
            for step in range(size.reports):
                judge.receive(_report(number, step))
            judge.take()
            judge.end(trial.ended(TrialState.OK, end=1.0, loss=1.0, run_s=1.0))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with closing(Channel(bind=HOST, host=HOST)) as channel, ExitStack() as stack:
        door = channel.open(judge.receive)
        ends = []
        for number in range(size.trials):
            ours, theirs = context.Pipe()
            offset_s = size.beat_s * number / size.trials if spread else 0.0
            context.Process(target=_trial, args=(door, number, size, offset_s, theirs), daemon=True).start()
            ends.append(ours)
        for end in ends:
            end.recv()  # its connection is open
        if busy:
            stack.enter_context(_asking())
        begin = time.monotonic() + size.beat_s
        for end in ends:
            end.send(begin)
        return sorted(ms for end in ends for ms in end.recv())


def _trial(door: Door, number: int, size: Size, offset_s: float, driver: Connection) -> None:
    """Report in a process, as a trial in a Spark worker does; send the milliseconds of each to the driver."""
    reports, found = SocketReports(door), []
    _answered(reports, number, 0)
    driver.send(None)
    begin = driver.recv() + offset_s
    for step in range(1, size.reports):
        time.sleep(max(begin + step * size.beat_s - time.monotonic(), 0.0))
        start = time.perf_counter()
        _answered(reports, number, step)
        found.append((time.perf_counter() - start) * 1_000)
    driver.send(found)


def _answered(reports: Reports, number: int, step: int) -> None:
    if reports.answer(_report(number, step)) is not Answer.CONTINUE:
        raise RuntimeError(f"report {step} of trial {number} must be answered, and not end it")


def _report(number: int, step: int) -> Report:
    """Return a report of curves that fall alike, so that the pruner compares them all and stops none."""
    return Report(number, attempt=1, tries=1, step=step, loss=1 / (1 + step), metrics={"accuracy": 0.5})


@contextmanager
def _asking() -> Iterator[None]:
    """Ask a sampler in a thread without a pause, as the loop of a study of very short trials does."""
    done = threading.Event()

    def ask() -> None:
        sampler = sampler_of(SPACE, "tpe")
        for number in count():
            if done.is_set():
                return
            found = sampler.ask(number, seed=number)
            if number < KNOWN:
                trial = Trial(number=number, params=found.params, point=found.point)
                sampler.tell(trial.ended(TrialState.OK, end=1.0, loss=loss_of(found.params), run_s=1.0))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _without_reports() -> str:
    """Return what the channel costs a trial that does not report."""
    with closing(Channel(bind=HOST, host=HOST)) as channel:
        bare = ImportedObjective("benchmarks.objectives:loss_of", {})
        wrapped = ReportingObjective(bare, SocketReports(channel.open(lambda _: Answer.CONTINUE)))
        params = {"lr": 0.1, "depth": 3, "subsample": 0.7, "booster": "dart"}

        def microseconds(objective: StudyObjective) -> float:
            call = Call(params, TrialContext(0, seed=1, attempt=1, tries=1))
            start = time.perf_counter()
            run(objective, call)
            return (time.perf_counter() - start) * 1e6

        pairs = [(microseconds(bare), microseconds(wrapped)) for _ in range(EMPTY_RUNS)]
        if channel.connections:
            raise RuntimeError("a trial that does not report must open no connection")
        without, within = (middle(each) for each in zip(*pairs, strict=True))
        return (
            f"an empty trial that does not report: {within:.0f} us with a channel, {without:.0f} without; "
            f"it opens no connection"
        )
