"""Conformance tests of a storage."""

from airflow_sparktune.testing.journal.files import FilesSuite
from airflow_sparktune.testing.journal.foreign import ForeignSuite
from airflow_sparktune.testing.journal.malformed import MalformedSuite
from airflow_sparktune.testing.journal.rolling import RollingSuite
from airflow_sparktune.testing.journal.streams import StreamSuite
from airflow_sparktune.testing.journal.takeover import TakeoverSuite

__all__ = ["JournalSuite"]


class JournalSuite(FilesSuite, StreamSuite, RollingSuite, TakeoverSuite, MalformedSuite, ForeignSuite):
    """Tests that a storage can hold a study's journal.

    A storage supplies one fixture, `storage`: an empty storage for each test.

        class TestOnDisk(JournalSuite):
            @pytest.fixture
            def storage(self, tmp_path):
                return LocalStorage(tmp_path / "study")
    """
