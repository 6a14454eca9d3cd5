"""Conformance tests of a storage."""

import pytest

# Shows values when an assert fails.
_PARTS = ("files", "foreign", "malformed", "rolling", "streams", "takeover")
pytest.register_assert_rewrite(*(f"tests.study.journal_suite.{part}" for part in _PARTS))

from tests.study.journal_suite.files import FilesSuite  # noqa: E402
from tests.study.journal_suite.foreign import ForeignSuite  # noqa: E402
from tests.study.journal_suite.malformed import MalformedSuite  # noqa: E402
from tests.study.journal_suite.rolling import RollingSuite  # noqa: E402
from tests.study.journal_suite.streams import StreamSuite  # noqa: E402
from tests.study.journal_suite.takeover import TakeoverSuite  # noqa: E402

__all__ = ["JournalSuite"]


class JournalSuite(FilesSuite, StreamSuite, RollingSuite, TakeoverSuite, MalformedSuite, ForeignSuite):
    """Tests that a storage can hold a study's journal.

    A storage supplies one fixture, `storage`: an empty storage for each test.

        class TestOnDisk(JournalSuite):
            @pytest.fixture
            def storage(self, tmp_path):
                return LocalStorage(tmp_path / "study")
    """
