"""What a task delivers, and which errors of its driver it raises."""

from __future__ import annotations

from contextlib import suppress

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.errors import DriverLost
from airflow_sparktune.study.journal.follow import read_study
from tests.orchestrator.conftest import RUN


def test_delivers_the_best_params(operator, run, spark_submit, storage) -> None:
    """The best params are the return value; loss, summary and address are other XCom keys."""
    spark_submit("works")
    best, ti = run(operator())
    assert best == {"x": 0}
    assert ti.pushed["best_loss"] == 0.0
    assert ti.pushed["study"] == str(storage / RUN / "g0")
    result = ti.pushed["tuning_result"]
    assert [result["study"], result["counts"]["ok"], result["stop_reason"]] == [
        ti.pushed["study"],
        3,
        "max_evals",
    ]


def test_a_score_is_delivered_with_its_own_sign(operator, run, spark_submit) -> None:
    """The loss beside it is what the journal holds."""
    spark_submit("works")
    _, ti = run(operator(maximize="accuracy", max_evals=3))
    assert (ti.pushed["best_score"], ti.pushed["best_loss"]) == (0.0, 0.0)
    assert ti.pushed["tuning_result"]["maximize"] == "accuracy"


def test_a_result_is_delivered_without_another_driver(operator, run, spark_submit) -> None:
    """A retry submits nothing if the study already has a result."""
    spark_submit("works")
    first, _ = run(operator())
    spark_submit("dies early")
    again, ti = run(operator())
    assert again == first
    assert ti.pushed["best_loss"] == 0.0
    assert ti.pushed["study"] == ti.pushed["tuning_result"]["study"]


def test_connections_are_looked_up_only_to_submit(operator, run, spark_submit) -> None:
    """An existing result is delivered even if the connection no longer exists."""
    spark_submit("works")
    run(operator())
    best, _ = run(operator(conn_id="gone"))
    assert best == {"x": 0}


def test_retry_continues(operator, run, spark_submit, storage) -> None:
    """A driver that ended without a verdict is retried, and the next attempt runs the missing trials."""
    spark_submit("dies at the second trial")
    with pytest.raises(DriverLost, match="after 2 finished trials; a retry continues the study"):
        run(operator(retries=1), max_tries=1)
    spark_submit("works")
    run(operator(retries=1), max_tries=1)
    study = read_study(str(storage / RUN / "g0")).study
    assert [study.finished, len(study.attempts)] == [3, 2]


def test_another_generation_is_another_study(operator, run, spark_submit, storage) -> None:
    """Clearing raises max_tries, so the study has another folder, and the old one is kept."""
    spark_submit("works")
    run(operator())
    run(operator(), max_tries=1)
    run(operator(), max_tries=1, map_index=3)
    assert read_study(str(storage / RUN / "g0")).study.result_stands
    assert read_study(str(storage / RUN / "g1")).study.result_stands
    assert read_study(str(storage / RUN / "3" / "g1")).study.result_stands


def test_an_error_that_the_user_must_fix_is_not_retried(operator, run, spark_submit) -> None:
    """An error that the user must fix fails the task permanently, with the driver's message."""
    spark_submit("fails")
    with pytest.raises(AirflowFailException, match="the objective 'm:f' must be callable, got int"):
        run(operator())


def test_escape_sequences_are_removed_from_the_error(operator, run, spark_submit) -> None:
    """Escape sequences from a journal are removed from Airflow's log and from the exception."""
    spark_submit("fails with escapes")
    with pytest.raises(AirflowFailException) as raised:
        run(operator())
    assert str(raised.value) == "no[31m such module"
    assert str(raised.value.__cause__) == "no[31m such module"


def test_a_driver_that_never_opened_the_study(operator, run, spark_submit) -> None:
    """The error has the last lines of spark-submit."""
    spark_submit("dies early")
    with pytest.raises(DriverLost, match="no such thing as a master"):
        run(operator())


def test_an_older_result_is_not_reported_as_new(operator, run, spark_submit) -> None:
    """An earlier result does not count as the result of a driver that has died since."""
    spark_submit("works")
    run(operator())
    spark_submit("dies early")
    with pytest.raises(DriverLost, match="no such thing as a master"):
        run(operator(max_evals=5))


def test_a_verdict_on_a_study_that_starts_over(operator, run, spark_submit) -> None:
    """An attempt that takes over no earlier attempt still delivers its verdict."""
    spark_submit("dies at the second trial")
    with pytest.raises(DriverLost):
        run(operator())
    spark_submit("fails")
    with pytest.raises(AirflowFailException, match="must be callable"):
        run(operator(objective_kwargs={"rows": 5}))


@pytest.mark.parametrize(
    ("max_tries", "said"),
    [(1, "trials; a retry continues the study"), (0, "last try, a clear of the task continues the study")],
)
def test_a_lost_driver_says_what_continues_the_study(
    operator, run, spark_submit, max_tries: int, said: str
) -> None:
    spark_submit("dies at the second trial")
    with pytest.raises(DriverLost, match=said):
        run(operator(), max_tries=max_tries)


def test_output_that_is_not_text(operator, run, spark_submit) -> None:
    """A trial may print bytes that are not text."""
    spark_submit("prints no text")
    best, _ = run(operator())
    assert best == {"x": 0}


@pytest.mark.parametrize("behaviour", ["works", "dies early"])
def test_commands_after_the_submission(operator, run, spark_submit, tmp_path, behaviour) -> None:
    """The provider's `post_submit_commands` run once, whatever became of the driver."""
    spark_submit(behaviour)
    done = tmp_path / "done"
    with suppress(DriverLost):
        run(operator(post_submit_commands=[f"mkdir {done}"]))
    assert done.is_dir()
