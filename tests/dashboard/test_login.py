"""`sparktune ui` answers only the browser that has opened the address with the token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from click.testing import CliRunner, Result
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_sparktune.cli.page import ui_command
from airflow_sparktune.dashboard.page import assets
from airflow_sparktune.dashboard.server import PAGE
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.synthetic import Writer

PORT = 8765
URL = f"http://127.0.0.1:{PORT}"
CHANGE = {"Origin": URL, "Content-Type": "application/json"}


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Result, FastAPI]:
    """What `sparktune ui` prints and serves, for a study that is running."""
    writer = Writer(str(tmp_path))
    writer.open()
    writer.run(3)
    served: list[FastAPI] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **_: served.append(app))
    said = CliRunner().invoke(ui_command, [str(tmp_path), "--port", str(PORT)], catch_exceptions=False)
    return said, served[0]


@pytest.fixture
def address(started: tuple[Result, FastAPI]) -> str:
    return started[0].stdout.split()[0]


@pytest.fixture
def client(started: tuple[Result, FastAPI]) -> Iterator[TestClient]:
    with TestClient(started[1], base_url=URL) as client:
        yield client


@pytest.fixture
def page(client: TestClient, address: str) -> str:
    """The page in a browser that has opened the address."""
    return client.get(address).text


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Return the method and an address for each route of the application."""
    found = [(method, route.path) for route in app.routes for method in getattr(route, "methods", ())]
    return [(method, re.sub(r"\{\w+\}", "here", path)) for method, path in found]


def test_the_address_has_a_token_that_differs_each_time(started: Any, address: str, tmp_path: Path) -> None:
    again = CliRunner().invoke(ui_command, [str(tmp_path), "--port", str(PORT)]).stdout.split()[0]
    assert re.fullmatch(rf"{URL}/\?token=[\w-]{{40,}}", address)
    assert again != address


def test_nothing_is_served_without_the_token(started: tuple[Result, FastAPI], client: TestClient) -> None:
    """Not to `/`, not the page's files, and not whether an address exists."""
    asked = [
        *routes(started[1]),
        ("GET", f"{PAGE}../../../../static/style.css"),
        ("GET", "/nothing"),
        ("POST", "/"),
    ]
    assert len(asked) > 12
    for method, path in asked:
        answer = client.request(method, path)
        assert answer.status_code == 401, path
        if method != "HEAD":
            assert "the whole address that <code>sparktune ui</code> printed" in answer.text
        assert "set-cookie" not in answer.headers
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_token_becomes_a_cookie_and_leaves_the_address(client: TestClient, address: str) -> None:
    answer = client.get(f"{address}&map_index=-1", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, f"{URL}/?map_index=-1")
    name, value = answer.headers["set-cookie"].split(";")[0].split("=")
    assert name == f"sparktune-{PORT}"
    assert {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]} == {
        "httponly", "samesite=strict", "path=/",
    }  # fmt: skip
    assert value not in address  # a cookie that leaks opens no other browser
    assert answer.headers["cache-control"] == "no-store"


def test_a_browser_that_is_logged_in_gets_everything(client: TestClient, page: str) -> None:
    assert "<title>Tuning</title>" in page
    assert client.get("/").url.path == PAGE
    assert client.get(f"{PAGE}study").json()["phase"] == "running"
    assert client.get(f"{PAGE}../../../../static/style.css").status_code == 200
    assert client.get("/nothing").status_code == 404


@pytest.mark.parametrize("token", ["", "wrong", "%C3%A9", "%ED%A0%80"])
def test_a_wrong_token_or_cookie_is_refused(client: TestClient, address: str, token: str) -> None:
    cookie = {"Cookie": f"sparktune-{PORT}={token or 'x'}"}
    assert client.get(f"/?token={token}", headers=cookie, follow_redirects=False).status_code == 401
    truth = urlsplit(address).query.removeprefix("token=")
    for near in (truth[:-1], f"{truth}x", truth.swapcase()):
        assert client.get(f"/?token={near}", follow_redirects=False).status_code == 401
    # The token itself is not the cookie.
    assert client.get("/", headers={"Cookie": f"sparktune-{PORT}={truth}"}).status_code == 401


def test_a_change_needs_the_token_of_the_page(client: TestClient, page: str, tmp_path: Path) -> None:
    """The cookie alone is also sent for pages of other ports of this machine."""
    token = re.search(r'<meta name="sparktune-token" content="([\w-]+)">', page)
    assert token
    for header in ({}, {"X-Sparktune-Token": ""}, {"X-Sparktune-Token": f"{token[1]}x"}):
        answer = client.put(f"{PAGE}stop?generation=0", headers={**CHANGE, **header}, content="{}")
        assert (answer.status_code, "reload the page" in answer.json()["detail"]) == (403, True)
    assert client.delete("/", headers=CHANGE).status_code == 403
    assert stop_requested(LocalStorage(str(tmp_path)), attempt=1) is None

    header = {"X-Sparktune-Token": token[1]}
    answer = client.put(f"{PAGE}stop?generation=0", headers={**CHANGE, **header}, content="{}")
    assert answer.status_code == 200
    assert stop_requested(LocalStorage(str(tmp_path)), attempt=1) is not None


def test_the_page_in_airflow_has_no_token() -> None:
    assert "sparktune-token" not in assets.page("study.html") + assets.page("history.html")
