"""`sparktune ui`: the pages outside Airflow, for the user who started it.

They are the page of one study, or for a storage root the browser of all studies with their pages.
"""

from __future__ import annotations

import getpass
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from airflow_sparktune.dashboard.app import create_app
from airflow_sparktune.dashboard.login import PARAMETER, Login
from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.segments.routes import is_application
from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.dashboard.task_key import TaskKey
from airflow_sparktune.study.address import address_of, folder_of, part
from airflow_sparktune.study.journal.streams import FOLDER as ATTEMPTS
from airflow_sparktune.study.journal.streams import streams
from airflow_sparktune.study.listing.application import segments_folder
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Listed, mark_of
from airflow_sparktune.study.record.champions import segments
from airflow_sparktune.study.storage import open_storage

HOST = "127.0.0.1"
# The page's URL has the same form as in Airflow, so that both use the same page.
RUN = "here"
PAGE = f"/dags/local/tasks/study/runs/{RUN}/"


@dataclass(frozen=True, slots=True)
class OneStudy:
    """The catalogue of a single study or application, which it returns for every request."""

    address: str

    def title(self, key: TaskKey) -> str:
        """Return the study's address, and the segment."""
        return self.address if key.segment is None else f"{self.address}, segment {key.segment}"

    def generations(self, key: TaskKey) -> Mapping[int, str]:
        """Return the address of the study, or of a segment's study, as generation 0."""
        if key.segment is None:
            return {0: self.address}
        address = address_of(self.address, key.segment)
        return {0: address} if streams(open_storage(address)) else {}

    def dags(self, dag_ids: Iterable[str]) -> list[str]:  # noqa: ARG002
        """Return nothing: the page of one study has no browser."""
        return []

    def task_ids(self, dag_id: str) -> list[str]:  # noqa: ARG002
        """Return nothing, as `dags`."""
        return []

    def tasks(self, dag_id: str) -> Iterable[tuple[TaskKey, list[TaskFolder]]]:  # noqa: ARG002
        """Return nothing, as `dags`."""
        return []

    def folders(self, task: TaskKey) -> list[TaskFolder]:  # noqa: ARG002
        """Return a folder with the study as its only run, or with those of the application's segments."""
        if is_application(self.address):
            return [segments_folder(self.address)]
        storage = open_storage(self.address)
        mark = mark_of(f"{ATTEMPTS}/{path}" for path in storage.tree(ATTEMPTS))
        return [TaskFolder(self.address, storage, [Listed("", RUN, -1, 0, mark)])]

    def record(self, task: TaskKey) -> str | None:  # noqa: ARG002
        """Return the folder that holds the study, if it has a record of champions."""
        folder = folder_of(self.address)
        return folder if segments(folder) else None

    def trouble(self) -> str | None:
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class OwnFolders:
    """The rights of a user who may read the whole storage root."""

    root: str

    def dag_ids(self) -> Collection[str]:
        """Return the DAGs by the names of their folders, unless a name is only a hash of the DAG's id."""
        return [name for name in open_storage(self.root).names("") if part(name) == name]

    def may_read(self, dag_ids: Collection[str]) -> Collection[str]:
        """Return all of them."""
        return dag_ids


def local_app(address: str, *, login: Login, mask: Mask | None = None) -> FastAPI:
    """Return the application for a study or a root, behind a login; only this machine's names reach it."""
    if not is_page(address):
        app = create_app(
            StorageRoots((address.rstrip("/"),)),
            guard=_every_login,
            editor=_this_user,
            rights=lambda: OwnFolders(address),
            mask=mask,
            login=login,
        )
    else:
        app = create_app(OneStudy(address), guard=_every_login, editor=_this_user, mask=mask, login=login)
        app.get("/")(lambda: RedirectResponse(PAGE))
    # Protects against DNS rebinding: any web page could map its own name to 127.0.0.1.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return app


def is_page(address: str) -> bool:
    """Return whether there is a study at the address, or an application with segments."""
    return bool(streams(open_storage(address))) or is_application(address)


def has_studies(root: str) -> bool:
    """Return whether a folder or URL is a storage root with studies of Airflow's tasks."""
    catalogue = StorageRoots((root.rstrip("/"),))
    folders = (each for dag_id in OwnFolders(root).dag_ids() for _, each in catalogue.tasks(dag_id))
    return any(folder.studies for each in folders for folder in each)


def url_of(login: Login) -> str:
    """Return the address that opens the page."""
    return f"http://{HOST}:{login.port}/?{PARAMETER}={login.token}"


def serve(address: str, *, login: Login) -> None:
    """Serve the pages of the study or the storage root at `address` until interrupted."""
    import uvicorn

    uvicorn.run(local_app(address, login=login), host=HOST, port=login.port, log_level="warning")


def _every_login() -> None:
    """Accept every request that the login has passed on."""


def _this_user() -> str:
    """Return the user who started the server."""
    return getpass.getuser()
