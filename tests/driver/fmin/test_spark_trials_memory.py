"""The journal of a SparkTrials that nobody gave a study's address."""

from __future__ import annotations

import pytest

from airflow_sparktune.study.storage import MemoryStorage
from tests.study.journal_suite import JournalSuite


class TestMemoryJournal(JournalSuite):
    @pytest.fixture
    def storage(self) -> MemoryStorage:
        return MemoryStorage()
