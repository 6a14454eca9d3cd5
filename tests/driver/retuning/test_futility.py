"""A search that has converged without a challenger ends without a confirmation."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.driver.retuning.futility import no_challenger
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Recommended
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.retuning.decision import Outcome
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialOrigin
from tests.driver.retuning.weeks import Weeks, noisy, repeats
from tests.study.journal_samples import opened, trial

CONVERGING: dict[str, Any] = {"algo": "gp", "max_evals": 200, "limits": {"stop_when_converged": True}}


@pytest.fixture
def weeks(tmp_path: Path) -> Weeks:
    return Weeks.within(tmp_path)


def test_production_stays_without_repeats(weeks: Weeks) -> None:
    study = weeks.run("w1", noisy(0.5, noise=0.0), retuning={"incumbent": {"x": 0.5}}, **CONVERGING)
    assert study.closed is not None
    assert study.closed.reason is StopReason.CONVERGED
    assert len(study.searched) < 100
    assert repeats(study) == []
    assert study.decision is not None
    assert study.decision.outcome is Outcome.KEPT
    left = r": at most \S+ left to gain by another trial"
    assert re.fullmatch(f"no challenger is likely to beat production{left}", study.decision.reason)
    found = summary(study)
    assert (found.best_params, found.best_loss) == ({"x": 0.5}, study.trials[0].loss)
    assert re.fullmatch(f"converged{left}", str(found.end))


def test_a_challenger_is_confirmed(weeks: Weeks) -> None:
    study = weeks.run("w1", noisy(0.5), retuning={"incumbent": {"x": 0.9}}, **CONVERGING)
    assert study.nominated is not None
    assert study.nominated.reason is StopReason.CONVERGED
    assert study.decision is not None
    assert study.decision.outcome is Outcome.REPLACED


def test_an_algorithm_without_a_model_says_that_it_never_converges(
    weeks: Weeks, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        weeks.run("w1", algo="tpe", limits={"stop_when_converged": True})
    assert "limits.stop_when_converged has no effect: algo 'tpe' has no model" in caplog.text


@pytest.mark.parametrize(
    ("losses", "noise", "retuning", "futile"),
    [
        ((1.0, 1.5), None, {}, True),
        ((1.0, 0.9), None, {}, False),
        ((1.0, 0.9), None, {"margin": 0.2}, True),
        ((1.0, 0.9), 0.1, {}, False),
        # A challenger that seems worse by 0.41 standard deviations wins five repeats in one case of fifty.
        ((1.0, 1.045), 0.1, {}, True),
        ((1.0, 1.035), 0.1, {}, False),
        ((1.0, 1.035), 0.1, {"margin": 0.01}, True),
        # Twenty repeats would find it more often.
        ((1.0, 1.045), 0.1, {"confirm": 20}, False),
        # Other data may tell another story.
        ((1.0, 1.5), None, {"confirm": {"objective_kwargs": {"rows": "holdout"}}}, False),
    ],
)
def test_when_a_challenger_is_unlikely(
    losses: tuple[float, float], noise: float | None, retuning: dict[str, Any], futile: bool
) -> None:
    spec = Spec.of(
        objective="m:f",
        space={"lr": {"uniform": [0, 1]}},
        max_evals=9,
        retuning={"incumbent": "champion", **retuning},
    )
    study = Study()
    found = [opened(spec=spec), trial(0, losses[0], origin=TrialOrigin.INCUMBENT), trial(1, losses[1])]
    if noise is not None:
        found.append(Recommended(trial=1, loss=losses[1], noise=noise))
    for event in found:
        study.apply(event)
    assert no_challenger(study, spec.rule, study.trials[0]) is futile
