"""The note of a study, for the page."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.schemas import NoteReply
from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.files.note import read_note
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Listed
from airflow_sparktune.study.storage import Storage

log = logging.getLogger(__name__)


def note_reply(storage: Storage, mask: Mask) -> NoteReply:
    """Return the study's note; its number is 0 if there is none."""
    note = read_note(storage)
    if note is None:
        return NoteReply()
    return NoteReply(number=note.number, text=mask(note.text), by=note.by, at=note.at)


def note_text(folders: Iterable[TaskFolder], listed: Listed, mask: Mask) -> str | None:
    """Return the note of a study of these folders; None if there is none. Only a study with notes is read."""
    folder = next((each for each in folders if listed in each.studies), None)
    if folder is None or not listed.noted:
        return None
    try:
        return note_reply(folder.storage_of(listed), mask).text or None
    except StorageError:  # a person's file may have other access rights than the study
        log.exception("The note of %s/%s cannot be read", folder.address, listed.path)
        return "This note cannot be read; the API server's log has the details."
