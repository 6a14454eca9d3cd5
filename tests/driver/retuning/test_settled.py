"""A study that has decided is not decided again, and never returns the decision to another question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.deploy.job import Job
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.study.definition import Spec, nested
from airflow_sparktune.study.study import Study
from tests.driver.retuning.weeks import Weeks, noisy

GIVEN: dict[str, Any] = {"retuning.incumbent": {"x": 0.9}, "retuning.guardrails": {"recall": {"min": 0.5}}}
ANOTHER = [
    ({"retuning.incumbent": {"x": 0.8}}, r"incumbent changed from \{\"x\": 0.9\} to \{\"x\": 0.8\}"),
    ({"retuning.incumbent": None, "retuning.guardrails": None}, "incumbent changed from .* to null"),
    ({"retuning.guardrails": {"recall": {"min": 0.6}}}, "guardrails changed from"),
    ({"retuning.confirm": 8}, "confirm changed from"),
    ({"retuning.margin": "2%"}, "retuning.margin changed from 0 to"),
    ({"retuning.on_broken": "replace"}, "retuning.on_broken changed from"),
    ({"segment": "porto"}, "segment changed from null to"),
    ({"max_evals": 20}, "max_evals changed from 12 to 20; set it back .* or name another --study"),
    (
        {"max_evals": None, "timeout": 60},
        "max_evals changed from 12 to None, timeout changed from",
    ),
]
SAME: list[dict[str, Any]] = [
    {},
    {"retuning.confirm": {"repeats": 5, "top": 3}},  # the default
    {"max_evals": 8},  # would have ended sooner
    {"parallelism": 2},
]


@pytest.fixture
def weeks(tmp_path: Path) -> Weeks:
    weeks = Weeks.within(tmp_path)
    weeks.run("w1", noisy(0.5, recall=0.9), **nested(GIVEN))
    return weeks


def job(study: Study, weeks: Weeks, given: dict[str, Any]) -> Job:
    assert study.spec is not None
    spec = Spec.of(**nested({**study.spec.values(), **given}))
    return Job(address=weeks.address("w1"), spec=spec, code=None)


def fails(*_: Any) -> Any:
    raise AssertionError("there is nothing to submit")


@pytest.mark.parametrize(("given", "message"), ANOTHER)
def test_another_question_is_refused(weeks: Weeks, given: dict[str, Any], message: str) -> None:
    """Before Spark starts, and in the driver too, which leaves the decision as it is."""
    before = weeks.study("w1")
    with pytest.raises(SpecError, match=f"a study must decide once, but .*{message}"):
        run_job(job(before, weeks, given), before=before, launcher=fails)
    with pytest.raises(SpecError, match="a study must decide once"):
        weeks.run("w1", noisy(0.5, recall=0.9), **nested({**GIVEN, **given}))
    after = weeks.study("w1")
    assert after.decision == before.decision
    assert after.result_stands
    assert len(weeks.record().history()) == 1


@pytest.mark.parametrize("given", SAME)
def test_the_same_question_has_the_same_answer(weeks: Weeks, given: dict[str, Any]) -> None:
    before = weeks.study("w1")
    outcome = run_job(job(before, weeks, given), before=before, launcher=fails)
    assert (outcome.known_before, outcome.study.decision) == (True, before.decision)


def test_a_script_is_asked_by_its_retuning_fields(weeks: Weeks) -> None:
    before = weeks.study("w1")
    script = Job(
        address=weeks.address("w1"), script=("search.py",), retuning={"retuning.incumbent": {"x": 0.9}}
    )
    with pytest.raises(SpecError, match=r"a study must decide once, .* retuning.guardrails changed from"):
        run_job(script, before=before, launcher=fails)


def test_an_undecided_study_may_change_its_rule(weeks: Weeks) -> None:
    """Until the decision, everything may change between attempts."""
    study = weeks.run("w2", noisy(0.5), retuning={"incumbent": None}, warm_start=[{"x": 0.5}])
    assert study.decision is None
    again = weeks.run("w2", noisy(0.5), retuning={"incumbent": {"x": 0.9}}, max_evals=20)
    assert again.decision is not None
