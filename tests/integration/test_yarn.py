"""Studies on YARN under a real Airflow: what is lost, and who finds the study again."""

from __future__ import annotations

import json
from typing import Any

import psutil
import pytest

from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialState
from tests.integration.airflow_site import Run, Site, wait_for
from tests.integration.test_airflow import study, wait_for_trials
from tests.yarn.stand_in import Application, Yarn

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

REJECTED = "Queue root.default already has 1 applications, cannot accept submission of application"


def kill_worker(run: Run) -> None:
    """Send SIGKILL to the process that runs the task."""
    name = f"airflow worker -- {run.site.call('GET', run.path('tune'))['id']}"
    (worker,) = (each for each in psutil.process_iter(["cmdline"]) if name in (each.info["cmdline"] or ()))
    worker.kill()


def applications_of(run: Run, yarn: Yarn) -> list[Application]:
    """Return the applications whose drivers have opened the study, in the order of its attempts."""
    opened = [each.spark.application for each in study(run).attempts if each.spark]
    return [yarn.application(each) for each in opened]


def complete(run: Run) -> Study:
    """Let trials from 8 on begin, and return the study, of which no trial may be lost."""
    (run.site.home / run.run).touch()
    run.wait("success", "failed")
    found = study(run)
    assert run.state() == "success", run.log()
    assert (found.finished, sorted(found.trials)) == (16, list(range(16)))
    # The pruner heard the reports of executors. Their code came from a zip, and the target as shared data.
    pruned = {number for number, trial in found.trials.items() if trial.state is TrialState.PRUNED}
    assert pruned == set(range(1, 16, 2))
    assert run.xcom() == found.best.params
    return found


def test_client_mode(airflow: Site, yarn: Yarn) -> None:
    """The driver ends with its killed worker, and so does its application; the retry continues the study."""
    run = airflow.trigger("yarn_client", "client")
    wait_for_trials(run, 3)
    kill_worker(run)
    complete(run)
    first, second = applications_of(run, yarn)
    assert (run.tries(), first.ended, second.final) == (2, True, "SUCCEEDED")


def test_lost_executor_and_lost_application_master(airflow: Site, yarn: Yarn) -> None:
    """Spark's second ApplicationMaster continues the study within the same try."""
    with yarn.fault(delay_ms=100):
        run = airflow.trigger("yarn_cluster", "lost")
        wait_for_trials(run, 2)
        (application,) = applications_of(run, yarn)
        yarn.signal(application.executors[0])
        wait_for_trials(run, 5)
        yarn.signal(application.master)
        before = {number: trial for number, trial in study(run).trials.items() if trial.counts}
        after = complete(run)
    assert {number: after.trials[number] for number in before} == before
    first, second = applications_of(run, yarn)
    assert (first, len(first.attempts), first.final) == (second, 2, "SUCCEEDED")
    assert run.tries() == 1


def test_retry_collects_the_result(airflow: Site, yarn: Yarn) -> None:
    """It finds the application of the killed worker, although YARN does not answer for a while.

    Each executor is as large as a trial, which has two cores.
    """
    run = airflow.trigger("yarn_cluster", "collected")
    wait_for_trials(run, 3)
    wait_for(lambda: study(run).slots, lambda slots: slots == 2, what="a slot of each executor")
    with yarn.fault(web_status=503):
        kill_worker(run)
        wait_for(lambda: run.tries() == 2 and run.state() == "running", what="the retry")
        wait_for(lambda: "HTTP 503" in run.log(attempt=2), what="a refused request of the retry")
    found = complete(run)
    told = [trial.info for number, trial in found.trials.items() if number % 2 == 0]
    assert told == [{"cpus": 2, "threads": "2"}] * 8
    (application,) = applications_of(run, yarn)
    assert (run.tries(), application.final) == (2, "SUCCEEDED")


def test_takeovers_and_a_kill(airflow: Site, yarn: Yarn) -> None:
    """Several drivers run at once, without a reconnection, and each leaves the study to the newest.

    First, YARN replaces an ApplicationMaster whose node is out of reach. Then a retry takes over from the
    application of its killed worker, whose driver YARN starts once more. Then the task is marked as failed.
    """
    run = airflow.trigger("yarn_endless")
    wait_for_trials(run, 1)
    (first,) = applications_of(run, yarn)
    yarn.lose(first.id)
    wait_for(
        lambda: yarn.application(first.id).attempts[0]["running"], lambda running: not running, what="its end"
    )
    assert "must not write to the study any more" in yarn.output(first.master)
    kill_worker(run)
    ended = wait_for(
        lambda: yarn.application(first.id), lambda found: found.ended, what="the first one's end"
    )
    assert (ended.final, len(ended.attempts)) == ("FAILED", 3)
    assert "another application has taken over the study" in yarn.output(ended.master)
    *_, last = applications_of(run, yarn)
    assert [each.id for each in applications_of(run, yarn)] == [first.id, first.id, last.id]
    everybody = [psutil.Process(pid) for pid in last.processes]
    run.mark_failed()
    _, alive = psutil.wait_procs(everybody, timeout=30)
    assert (alive, yarn.application(last.id).state) == ([], "KILLED")


def test_full_queue(airflow: Site, yarn: Yarn) -> None:
    """A task that is marked as failed while its application waits ends the application."""
    with yarn.fault(capacity=0):
        run = airflow.trigger("yarn_short")
        wait_for(
            lambda: [each.state for each in yarn.applications[-1:]],
            lambda states: states == ["ACCEPTED"],
            what="an application that waits",
        )
        run.mark_failed()
        wait_for(lambda: yarn.applications[-1].state, lambda state: state == "KILLED", what="its kill")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"rejects": REJECTED}, REJECTED),
        ({"refuses_tokens": True}, "the driver's JVM ended while Spark started"),
    ],
    ids=["by the queue", "for its token"],
)
def test_refused(airflow: Site, yarn: Yarn, fault: dict[str, Any], message: str) -> None:
    """The task's error has the reason."""
    (kind,) = fault
    with yarn.fault(**fault):
        run = airflow.trigger("yarn_short", kind)
        run.wait("failed")
    (error,) = (line["error_detail"] for line in json.loads(run.log())["content"] if "error_detail" in line)
    assert error[0]["exc_type"] == "DriverLost"
    assert message in error[0]["exc_value"]
