# ruff: noqa: T201 - trials print
from __future__ import annotations

import logging
import os
import signal
import sys
import threading

import pytest

from airflow_sparktune.executor.output import WHOLE_CHARS, TrialOutput, captured
from airflow_sparktune.study.ends import SHOWN_CHARS


def test_each_line_starts_with_the_name_of_the_trial(capsys: pytest.CaptureFixture[str]) -> None:
    print("before")
    with captured("trial 12") as output:
        print("epoch 1")
        print("epoch", 2, end="")
        print(" done")
        print("no end", end="")
    print("after")
    assert (
        capsys.readouterr().out
        == "before\n[trial 12] epoch 1\n[trial 12] epoch 2 done\n[trial 12] no end\nafter\n"
    )
    assert output.text == "epoch 1\nepoch 2 done\nno end\n"


def test_a_progress_bar_is_one_line() -> None:
    output = TrialOutput("trial 1")
    assert output.lines("\r10 %\r50 %") == ""
    assert output.lines("\r100 %\n") == "[trial 1] 100 %\n"


def test_the_middle_of_a_long_output_is_left_out() -> None:
    output = TrialOutput("trial 1")
    for number in range(300_000):
        output.lines(f"line {number}\n")
    assert output.text.startswith("line 0\nline 1\n")
    assert output.text.endswith("line 299999\n")
    assert "characters left out" in output.text
    assert len(output.text) < WHOLE_CHARS + 100


def test_the_log_gets_the_two_ends_of_a_long_output(capsys: pytest.CaptureFixture[str]) -> None:
    with captured("trial 7") as output:
        for number in range(20_000):
            print("line", number)
            if number == 19_998:
                before = capsys.readouterr().out
    assert "left out" not in before
    assert before.count("the log gets the end of this output when the trial ends") == 1
    log = capsys.readouterr().out
    [said] = [line for line in log.splitlines() if "left out" in line]
    assert said.startswith("[trial 7] ... ")
    assert "sparktune show STUDY --output 7 prints the whole output" in said
    assert log.endswith("[trial 7] line 19998\n[trial 7] line 19999\n")
    assert len(log) < SHOWN_CHARS
    assert output.text.splitlines() == [f"line {number}" for number in range(20_000)]


def test_a_line_of_any_length_is_bounded_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with captured("trial 7"):
        print("x" * 2_000_000)
    assert len(capsys.readouterr().out) < SHOWN_CHARS


def test_an_endless_line_is_truncated() -> None:
    output = TrialOutput("trial 1")
    assert output.lines("x" * 100_000).startswith("[trial 1] xxx")


def test_the_output_of_trials_in_threads_is_separated(capsys: pytest.CaptureFixture[str]) -> None:
    both = threading.Barrier(2)
    texts: dict[int, str] = {}

    def trial(number: int) -> None:
        with captured(f"trial {number}") as output:
            both.wait()
            print(f"from {number}")
            both.wait()
        texts[number] = output.text

    threads = [threading.Thread(target=trial, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {1: "from 1\n", 2: "from 2\n"}
    assert sorted(capsys.readouterr().out.splitlines()) == ["[trial 1] from 1", "[trial 2] from 2"]


def test_the_output_of_a_thread_belongs_to_the_only_trial(capsys: pytest.CaptureFixture[str]) -> None:
    with captured("trial 3") as output:
        thread = threading.Thread(target=print, args=("loaded",))
        thread.start()
        thread.join()
    assert output.text == "loaded\n"


def test_threads_of_a_trial_write_at_the_same_time() -> None:
    """A line is kept once, even if a second thread writes while the first one's text is taken in."""
    output = TrialOutput("trial 1")
    other = threading.Thread(target=output.lines, args=("other\n",))

    class Text(str):
        def __radd__(self, before: str) -> str:
            other.start()
            other.join(0.2)  # it waits for this text
            return before + str(self)

    output.lines("one ")
    output.lines(Text("line\n"))
    other.join()
    assert output.text == "one line\nother\n"


def test_a_child_of_a_trial_prints_although_a_thread_was_writing() -> None:
    """The child has no such thread, which could let it print."""
    output = TrialOutput("trial 1")
    began, ends = threading.Event(), threading.Event()

    class Text(str):
        def __radd__(self, before: str) -> str:
            began.set()
            ends.wait(0.2)
            return before + str(self)

    writer = threading.Thread(target=output.lines, args=(Text("one\n"),))
    writer.start()
    began.wait()
    if not (child := os.fork()):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(5)
        output.lines("two\n")
        os._exit(0)
    ends.set()
    writer.join()
    assert os.waitpid(child, 0)[1] == 0


def test_a_logger_configured_by_a_trial_works_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("tests.output")
    with captured("trial 1") as first:
        handler = logging.StreamHandler(sys.stdout)
        logger.addHandler(handler)
        logger.warning("one")
    try:
        with captured("trial 2") as second:
            logger.warning("two")
        logger.warning("three")
    finally:
        logger.removeHandler(handler)
    assert (first.text, second.text) == ("one\n", "two\n")
    assert capsys.readouterr().out.endswith("[trial 2] two\nthree\n")
