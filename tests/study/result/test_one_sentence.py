"""The summary of a study in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.study.journal.events import Recommended
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.result import one_sentence as sentences
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.retuning.decision import Decision, Outcome
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState
from tests.dashboard.helpers.synthetic import Writer


def one_sentence(found: Study) -> str | None:
    return sentences.one_sentence(found, summary(found))


def study(tmp_path: Path, losses: list[float], *, slots: int = 4, run_s: float = 1.0, **spec: Any) -> Study:
    writer = Writer(str(tmp_path), slots=slots)
    writer.open(max_evals=len(losses), **spec)
    for number, loss in enumerate(losses):
        trial = Trial(number=number, params={}, point={}, start=writer.now, slot=0)
        writer.put(trial)
        writer.now += 1.0
        writer.put(trial.ended(TrialState.OK, end=writer.now, run_s=run_s, loss=loss))
    return read_study(str(tmp_path)).study


def reserved(tmp_path: Path, slot_s: float, *, run_s: float) -> Study:
    """Return a study of 16 s with two slots, that has reserved `slot_s` and used `run_s` each second."""
    writer = Writer(str(tmp_path), slots=2)
    writer.reserved = 0.0
    writer.open(max_evals=16)
    for number in range(16):
        trial = Trial(number=number, params={}, point={}, start=writer.now)
        writer.put(trial)
        writer.now += 1.0
        writer.put(trial.ended(TrialState.OK, end=writer.now, run_s=run_s, loss=1.0 - number))
    writer.reserved = slot_s
    writer.close()
    return read_study(str(tmp_path)).study


@pytest.mark.parametrize(
    ("slot_s", "run_s", "idle"),
    [
        (32.0 + 1.0, 1.4, "slots idle 32 % of the time"),  # they existed before the attempt
        (16 * 32.0, 2.0, "slots idle 94 % of the time: 2 would do"),
        (16 * 32.0, 0.01, "slots idle 99 % of the time: 1 would do"),
    ],
)
def test_idle_slots_are_those_reserved(tmp_path: Path, slot_s: float, run_s: float, idle: str) -> None:
    assert (one_sentence(reserved(tmp_path, slot_s, run_s=run_s)) or "").split("; ")[-1] == idle


def test_slots_are_not_called_idle_after_a_few_trials(tmp_path: Path) -> None:
    assert "idle" not in (one_sentence(study(tmp_path, [1.0] * 9, slots=2, run_s=0.1)) or "")


def test_fewer_slots_would_not_do_because_spark_took_long_to_start(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), slots=2)
    writer.reserved = 0.0
    writer.open(max_evals=20)
    writer.now, writer.reserved = writer.now + 30.0, 60.0
    write_pairs(writer, 10)

    assert (
        one_sentence(read_study(str(tmp_path)).study)
        == "best loss 1, the first trial's own; no gain in the last 19 trials"
    )


def test_running_trials_keep_their_slots_busy(tmp_path: Path) -> None:
    """The driver wrote last when they began, half a minute ago."""
    writer = Writer(str(tmp_path), slots=2)
    writer.open(max_evals=20)
    write_pairs(writer, 5)
    writer.now += 5.0
    for number in (10, 11):
        writer.put(Trial(number=number, params={}, point={}, start=writer.now, slot=number % 2))
    found = read_study(str(tmp_path)).study

    assert "slots idle 50 % of the time: 1 would do" in str(sentences.one_sentence(found, summary(found)))
    now = writer.now + 29.0
    assert "idle" not in str(sentences.one_sentence(found, summary(found), now=now))
    assert summary(found, now=now).utilisation == round((10 + 58) / (20 + 58), 4)


def write_pairs(writer: Writer, pairs: int) -> None:
    """Write trials of one second each, two at a time."""
    for pair in range(pairs):
        two = [
            Trial(number=2 * pair + slot, params={}, point={}, start=writer.now, slot=slot) for slot in (0, 1)
        ]
        for trial in two:
            writer.put(trial)
        writer.now += 1.0
        if writer.reserved is not None:
            writer.reserved += 2.0
        for trial in two:
            writer.put(trial.ended(TrialState.OK, end=writer.now, run_s=1.0, loss=1.0))


def test_a_study_without_a_result_has_no_summary() -> None:
    assert one_sentence(Study()) is None


def test_gain_staleness_and_idle_slots(tmp_path: Path) -> None:
    found = one_sentence(study(tmp_path, [2.0, 1.5, *[1.8] * 14]))

    assert found == (
        "best loss 1.5, 25 % better than the first trial; no gain in the last 14 trials; "
        "slots idle 75 % of the time: 1 would do"
    )


def test_a_score_is_shown_with_its_own_sign(tmp_path: Path) -> None:
    """The journal has the score with the other sign."""
    found = one_sentence(study(tmp_path, [-0.5, -0.75], slots=1, maximize="accuracy"))
    assert found == "best accuracy 0.75, 50 % better than the first trial"


def test_with_a_decision_the_losses_are_those_of_the_search(tmp_path: Path) -> None:
    """The result is then the mean of the winner's repeats, which the page shows beside the sentence."""
    found = study(tmp_path, [2.0, 1.9, 1.0], slots=1)
    found.decision = Decision(outcome=Outcome.FIRST, reason="there was no champion yet", params={}, number=2)

    assert one_sentence(found) == "lowest loss of the search 1, 50 % better than the first trial"


def test_with_noise_it_is_the_expected_loss(tmp_path: Path) -> None:
    found = study(tmp_path, [2.0, 1.9, 1.0], slots=1)
    found.apply(Recommended(trial=1, loss=1.5, noise=0.5))

    assert one_sentence(found) == "best expected loss 1.5, 25 % better than the first trial"


def test_a_lucky_first_trial_leaves_no_gain(tmp_path: Path) -> None:
    found = study(tmp_path, [1.0, 1.9, 2.0], slots=1)
    found.apply(Recommended(trial=1, loss=1.5, noise=0.5))

    assert one_sentence(found) == "best expected loss 1.5"


def test_busy_slots_and_a_recent_gain_are_not_mentioned(tmp_path: Path) -> None:
    assert (
        one_sentence(study(tmp_path, [2.0, 1.9, 1.0], slots=1))
        == "best loss 1, 50 % better than the first trial"
    )


def test_a_first_loss_of_zero_has_no_percentage(tmp_path: Path) -> None:
    assert one_sentence(study(tmp_path, [0.0, -3.0], slots=1)) == "best loss -3, from 0 in the first trial"
