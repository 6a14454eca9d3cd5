"""Access to the page, and requests that must not leave the storage."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.app import create_app
from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.journal.output import OutputWriter
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import Failure, FailureKind, TrialState
from tests.dashboard.helpers.pages import RUN, TASK, client_of, everybody, somebody
from tests.dashboard.helpers.synthetic import Writer


def nobody() -> None:
    raise HTTPException(401, "Not authenticated")


def routes() -> list[APIRoute]:
    app = create_app(StorageRoots(("/nowhere",)), guard=nobody, editor=somebody, rights=nobody, mask=str)
    return [route for route in app.routes if isinstance(route, APIRoute)] or [
        route for route in app.router.routes if isinstance(route, APIRoute)
    ]


@pytest.mark.parametrize("path", [route.path for route in routes()])
def test_no_route_answers_rejected_users(path: str, tmp_path: Path) -> None:
    filled = re.sub(r"\{\w+\}", "1", path)

    client = client_of(tmp_path, guard=nobody, rights=nobody)
    assert client.get(filled).status_code == 401
    assert client.put(filled).status_code in (401, 405)


def test_only_three_routes_change_anything() -> None:
    assert len(routes()) >= 8
    changing = [route.path for route in routes() if route.methods != {"GET"}]
    assert changing == [
        "/dags/{dag_id}/tasks/{task_id}/runs/{run_id}/stop",
        "/dags/{dag_id}/tasks/{task_id}/restore",
        "/dags/{dag_id}/tasks/{task_id}/runs/{run_id}/note",
    ]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_there_is_no_description_of_the_routes(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/dags/~/tasks/tune/runs/r1/study",
        "/dags/%2E%2E%2E/tasks/tune/runs/r1/study",
        "/dags/churn/tasks/~/runs/r1/study",
        "/dags/churn/tasks/tune/runs/.../study",
        "/dags/churn/tasks/tune/runs/a%5C..%5Cb/study",
        "/dags/churn/tasks/tune/runs/a%00b/study",
        "/dags/churn/tasks/tune/runs/a%C2%85b/study",
        "/dags/churn/tasks/tune/runs/a%E2%80%AEb/study",
        "/dags/churn/tasks/tune/runs/r1/study?map_index=../../x",
        "/dags/churn/tasks/tune/runs/r1/study?map_index=-7",
    ],
)
def test_invalid_ids_are_rejected_and_logged(
    client: TestClient, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get(path).status_code == 400
    assert "Rejected a request for a study" in caplog.text


def test_an_encoded_slash_does_not_leave_the_storage(client: TestClient, address: str) -> None:
    Writer(address).open()

    assert client.get("/dags/other/tasks/..%2F..%2Fchurn%2Ftune/runs/r1/study").status_code in (400, 404)


def test_a_link_out_of_the_storage_is_not_followed(
    client: TestClient, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, address: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Writer(str(elsewhere / "g0")).open()
    run = Path(address).parent
    run.parent.mkdir(parents=True)
    run.symlink_to(elsewhere)

    assert client.get(f"{RUN}/study").json()["phase"] == "none"


@pytest.mark.parametrize("below", ["", "/r1", "/r1/g0"])
def test_a_link_to_another_tasks_study_is_not_followed(
    client: TestClient, tmp_path: Path, address: str, below: str
) -> None:
    """This also holds within the storage: a user who may read this DAG may not read another one."""
    secret = tmp_path / "secret" / "tune"
    Writer(str(secret / "r1" / "g0")).open()
    task = Path(address).parent.parent
    link = Path(f"{task}{below}")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"{secret}{below}")

    assert client.get(f"{RUN}/study").json()["phase"] == "none"
    assert all(row["phase"] == "none" for row in client.get(f"{TASK}/history").json()["runs"])


def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(tmp_path / "there")
    Writer(str(tmp_path / "there" / "churn" / "tune" / "r1" / "g0")).open()

    assert client_of(tmp_path / "here").get(f"{RUN}/study").json()["phase"] == "starting"


@pytest.mark.parametrize("name", ["g20261124", "g12345", "g01"])
def test_only_the_names_of_generations_count(client: TestClient, address: str, name: str) -> None:
    """They are the names that a retry takes for generations: at most four digits, so no date."""
    Writer(address).open()
    Writer(address.replace("/g0", f"/{name}")).open()

    assert client.get(f"{RUN}/study").json()["generations"] == [0]


def test_only_the_pages_own_files_are_served(client: TestClient) -> None:
    assert client.get("/dags/churn/static/style.css").status_code == 200
    for name in ("study.html", "..%2Fapp.py", "app.py", "nothing.js"):
        assert client.get(f"/dags/churn/static/{name}").status_code == 404


def test_every_answer_forbids_foreign_scripts(client: TestClient) -> None:
    for path in (f"{RUN}/", f"{RUN}/study", "/dags/churn/static/study.js", "/dags/~/static/study.js"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "unsafe-" not in policy


def test_a_failing_storage_is_reported_without_its_path(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Writer(address).open()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", address)

    monkeypatch.setattr("airflow_sparktune.study.storage.LocalStorage.read", refuse)

    answer = client.get(f"{RUN}/study")

    assert answer.status_code == 503
    assert "right to read" in answer.json()["detail"]
    assert address not in answer.text


def test_a_storage_that_does_not_respond_is_not_reported_as_missing_rights(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Writer(address).open()

    def refuse(*_: object) -> None:
        raise StorageUnavailable(f"no answer from {address}")

    monkeypatch.setattr("airflow_sparktune.study.storage.LocalStorage.read", refuse)

    answer = client.get(f"{RUN}/study")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "does not respond" in answer.json()["detail"]
    assert "right" not in answer.json()["detail"]


def test_text_under_a_secret_key_is_masked(tmp_path: Path, address: str) -> None:
    from airflow_sparktune.dashboard.page.masking import airflow_mask
    from airflow_sparktune.study.space import choice, uniformint

    writer = Writer(
        address, space={"api_token": choice(["s3cret-one", "s3cret-two"]), "max_tokens": uniformint(1, 9)}
    )
    writer.open()
    writer.run(2)
    client = TestClient(
        create_app(StorageRoots((str(tmp_path),)), guard=everybody, editor=somebody, mask=airflow_mask())
    )

    shown = client.get(f"{RUN}/study").text + client.get(f"{RUN}/trials/0?generation=0").text

    assert "s3cret" not in shown
    assert '"max_tokens":' in shown


def test_a_secret_of_the_spec_is_masked_in_tracebacks(tmp_path: Path, address: str) -> None:
    from airflow_sparktune.dashboard.page.masking import airflow_mask

    writer = Writer(address)
    kwargs = {"db": {"password": "hunter2\\x", "deep": {"a": {"b": {"c": {"d": {"token": "deep-secret"}}}}}}}
    writer.open(objective_kwargs=kwargs)
    text = "OperationalError: connect(password='hunter2\\\\x', 'deep-secret') hunter2\\x"
    error = Failure(FailureKind.RAISED, text, f"Traceback\n  loss({text})")
    for trial in writer.trials(1):
        writer.put(trial.ended(TrialState.FAILED, end=writer.now, error=error, info={"note": text}))
    described = {"type": "ObjectiveError", "message": text, "retryable": False, "traceback": text}
    writer.close("error", error=described)
    output = OutputWriter(open_storage(address), writer.stream.stream)
    output.keep(0, text)
    output.flush(now=True)
    client = TestClient(
        create_app(StorageRoots((str(tmp_path),)), guard=everybody, editor=somebody, mask=airflow_mask())
    )

    for path in ("study", "trials/0?generation=0", "trials/0/output?generation=0", "report?generation=0"):
        answer = client.get(f"{RUN}/{path}")
        assert answer.status_code == 200
        assert "OperationalError" in answer.text
        assert "hunter2" not in answer.text
        assert "deep-secret" not in answer.text
