"""The note of a study, for the page."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.schemas import NoteReply
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Listed
from airflow_sparktune.study.note import read_note
from airflow_sparktune.study.storage import Storage, open_storage


def note_reply(storage: Storage, mask: Mask) -> NoteReply:
    """Return the study's note; its number is 0 if there is none."""
    note = read_note(storage)
    if note is None:
        return NoteReply()
    return NoteReply(number=note.number, text=mask(note.text), by=note.by, at=note.at)


def note_text(folders: Iterable[TaskFolder], listed: Listed, mask: Mask) -> str | None:
    """Return the note of a study of these folders; None if there is none. Only a study with notes is read."""
    if not listed.noted:
        return None
    replies = (note_reply(open_storage(f"{folder.address}/{listed.path}"), mask) for folder in folders)
    return next((reply.text for reply in replies if reply.number), None) or None
