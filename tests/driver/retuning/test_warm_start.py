"""Points of earlier studies run first, for a share of the budget; and what slots may cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.record.champions import Action
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialOrigin
from tests.driver.retuning.weeks import Weeks, noisy


@pytest.fixture
def weeks(tmp_path: Path) -> Weeks:
    return Weeks.within(tmp_path)


def warm(study: Study) -> list[float]:
    return [trial.params["x"] for trial in study.searched if trial.origin is TrialOrigin.WARM_START]


def best(study: Study, count: int) -> list[float]:
    ranked = sorted(study.searched, key=lambda trial: trial.loss or 0.0)
    return [trial.params["x"] for trial in ranked[:count]]


def test_the_best_points_of_the_last_study_come_first(weeks: Weeks) -> None:
    """A quarter of max_evals of them, the best first; their old losses are nowhere."""
    first = weeks.run("w1", retuning={"incumbent": None})
    second = weeks.run(
        "w2", noisy(0.9), retuning={"incumbent": None}, seed=4, warm_start="previous", capacity=1
    )
    assert warm(second) == best(first, 3)
    assert [trial.origin for trial in second.searched[:4]] == [
        *[TrialOrigin.WARM_START] * 3,
        TrialOrigin.SAMPLER,
    ]
    assert not {trial.loss for trial in second.searched} & {trial.loss for trial in first.searched}


def test_the_share_and_the_studies_can_be_chosen(weeks: Weeks) -> None:
    """Of two studies the best of each comes first, for their losses cannot be compared."""
    first = weeks.run("w1", retuning={"incumbent": None})
    second = weeks.run("w2", retuning={"incumbent": None}, seed=4)
    third = weeks.run(
        "w3", retuning={"incumbent": None}, seed=5, warm_start={"points": 2, "share": 0.5}, capacity=1
    )
    expected = [x for pair in zip(best(second, 3), best(first, 3), strict=True) for x in pair]
    assert [point.params["x"] for point in third.starts.warm_start] == expected  # type: ignore[union-attr]


def test_the_incumbent_is_not_run_twice(weeks: Weeks) -> None:
    weeks.run("w1")
    study = weeks.run("w2", seed=4, warm_start="previous", capacity=1)
    incumbent = study.searched[0]
    assert incumbent.origin is TrialOrigin.INCUMBENT
    assert incumbent.params["x"] not in warm(study)


def test_points_of_a_person(weeks: Weeks) -> None:
    study = weeks.run("w1", retuning={"incumbent": None}, warm_start=[{"x": 0.25}, {"x": 0.75}], capacity=1)
    assert warm(study) == [0.25, 0.75]


def test_points_that_do_not_fit_are_left_out(weeks: Weeks, caplog: pytest.LogCaptureFixture) -> None:
    """The log says which did not, and why; a study whose space has changed goes on without them."""
    caplog.set_level("INFO")
    weeks.run("w1", retuning={"incumbent": None})
    space = {"space": {"x": {"uniform": [0, 0.3]}}, "retuning": {"incumbent": None}, "seed": 4}
    study = weeks.run("w2", **space, warm_start={"points": "previous", "share": 1})
    assert 0 < len(warm(study)) < 12
    assert (
        "points of warm_start do not fit the space: params['x'] must be a number from 0 to 0.3" in caplog.text
    )


def test_the_address_of_a_study_that_is_gone_forges_no_line_of_the_log(
    weeks: Weeks, caplog: pytest.LogCaptureFixture
) -> None:
    facts = {"at": 1.0, "params": {"x": 0.5}, "reason": "", "study": f"{weeks.root}/gone\n\x1b[2J"}
    weeks.record().add(Action.FIRST, cause="gone", **facts)
    weeks.run("w1", retuning={"incumbent": None}, warm_start="previous")
    (record,) = [each for each in caplog.records if "going on without its points" in each.message]
    assert record.message.isprintable()


def test_no_progress_counts_after_the_warm_points(weeks: Weeks) -> None:
    points = [{"x": 0.5}, *({"x": number / 10} for number in range(1, 5))]
    study = weeks.run(
        "w1",
        noisy(0.5, noise=0.0),
        retuning={"incumbent": None},
        warm_start={"points": points, "share": 1},
        limits={"no_progress": 2},
        capacity=1,
    )
    assert len(warm(study)) == 5
    assert study.finished == 7
    assert study.closed.reason is StopReason.NO_PROGRESS  # type: ignore[union-attr]


class TestPointsThatBringNothing:
    """They come the best first: after two in a row that are worse than an earlier one, no more run."""

    def test_the_search_gets_their_trials(self, weeks: Weeks, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        weeks.run("w1", noisy(0.5, noise=0.0), retuning={"incumbent": None})
        study = weeks.run(
            "w2",
            noisy(0.5, noise=0.0),
            retuning={"incumbent": None},
            seed=4,
            warm_start={"points": "previous", "share": 1},
            capacity=1,
        )
        assert len(warm(study)) == 3
        assert [trial.origin for trial in study.searched[3:]] == [TrialOrigin.SAMPLER] * 9
        assert "dropping 9 points of warm_start: the last 2 were no better" in caplog.text

    def test_a_retry_leaves_out_the_same(self, weeks: Weeks) -> None:
        weeks.run("w1", noisy(0.5, noise=0.0), retuning={"incumbent": None})
        given = {"retuning": {"incumbent": None}, "seed": 4, "warm_start": {"points": "previous", "share": 1}}

        def stops(call):  # type: ignore[no-untyped-def]
            if call.trial.number == 2:
                raise RuntimeError("the engine is gone")
            return noisy(0.5, noise=0.0)(call)

        with pytest.raises(RuntimeError):
            weeks.run("w2", stops, **given, capacity=1)
        study = weeks.run("w2", noisy(0.5, noise=0.0), **given, capacity=1)
        assert len(warm(study)) == 3

    def test_a_persons_own_list_runs_whole(self, weeks: Weeks) -> None:
        points = [{"x": 0.5}, *({"x": number / 10} for number in range(1, 5))]
        study = weeks.run(
            "w1",
            noisy(0.5, noise=0.0),
            retuning={"incumbent": None},
            warm_start={"points": points, "share": 1},
            capacity=1,
        )
        assert len(warm(study)) == 5


def test_a_retry_begins_with_the_same_points(weeks: Weeks) -> None:
    """Also where another study has ended meanwhile."""
    first = weeks.run("w1", retuning={"incumbent": None})

    def stops(call):  # type: ignore[no-untyped-def]
        if call.trial.number == 1:
            raise RuntimeError("the engine is gone")
        return noisy(0.5)(call)

    with pytest.raises(RuntimeError):
        weeks.run("w3", stops, retuning={"incumbent": None}, seed=5, warm_start="previous", capacity=1)
    weeks.run("w2", retuning={"incumbent": None}, seed=4)
    third = weeks.run("w3", retuning={"incumbent": None}, seed=5, warm_start="previous", capacity=1)
    assert warm(third) == best(first, 3)


def test_a_retry_suggests_the_same(weeks: Weeks) -> None:
    weeks.run("w1", retuning={"incumbent": None})
    given = {
        "retuning": {"incumbent": None},
        "seed": 4,
        "algo": "tpe",
        "warm_start": weeks.address("w1"),
        "capacity": 1,
    }
    whole = weeks.run("w2", **given)

    def stops(call):  # type: ignore[no-untyped-def]
        if call.trial.number == 3:
            raise RuntimeError("the engine is gone")
        return noisy(0.5)(call)

    with pytest.raises(RuntimeError):
        weeks.run("w3", stops, **given)
    retried = weeks.run("w3", **given)
    assert [trial.params for trial in retried.searched] == [trial.params for trial in whole.searched]


class TestWhatCannotBe:
    def test_an_address_without_a_study(self, weeks: Weeks) -> None:
        with pytest.raises(
            SpecError, match="warm_start must be the address of a study, found no journal that can be read at"
        ):
            weeks.run("w2", retuning={"incumbent": None}, warm_start=weeks.address("w1"))
        assert weeks.study("w2").closed.error["retryable"] is False  # type: ignore[index, union-attr]

    def test_a_study_of_another_space(self, weeks: Weeks) -> None:
        weeks.run("w1", retuning={"incumbent": None})
        space = {"space": {"x": {"uniform": [5, 6]}}, "retuning": {"incumbent": None}, "seed": 4}
        with pytest.raises(SpecError, match=r"must name points of the space, but 12 of 12 .* from 5 to 6"):
            weeks.run("w2", **space, warm_start=weeks.address("w1"))

    def test_a_study_of_a_later_version(self, tmp_path: Path) -> None:
        weeks = Weeks(str(tmp_path))
        weeks.run("w1", retuning={"incumbent": None})
        for file in Path(weeks.address("w1")).glob("attempts/*/*.jsonl"):
            lines = [{**json.loads(line), "v": 99} for line in file.read_text().splitlines()]
            file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        with pytest.raises(SpecError, match=r"no journal that can be read .* by a later version"):
            weeks.run("w2", retuning={"incumbent": None}, seed=4, warm_start=weeks.address("w1"))


def test_a_budget_keeps_a_share_for_the_confirmation(weeks: Weeks) -> None:
    """The search ends at three quarters of it; the decision is taken within the rest."""
    weeks.run("w1")
    study = weeks.run("w2", seed=4, max_evals=None, limits={"budget_slot_hours": 0.1})
    repeats = [trial for trial in study.trials.values() if trial.repeats is not None]
    assert study.finished == pytest.approx(0.75 * 360, abs=8)
    assert study.decision is not None
    assert len(repeats) == 20
    assert study.slots_s < 360


def test_a_budget_of_slot_hours(weeks: Weeks) -> None:
    """Four slots for a sixteenth of an hour are a quarter of a slot-hour, busy or not."""
    study = weeks.run("w1", retuning={"incumbent": None}, max_evals=None, limits={"budget_slot_hours": 0.25})
    assert study.closed.reason is StopReason.BUDGET  # type: ignore[union-attr]
    assert study.elapsed_s == pytest.approx(225, abs=2)
    assert study.slots_s == pytest.approx(900, abs=8)
    assert 0 < study.last_improvement_s < study.slots_s
