"""Conformance suites for whoever writes a storage, a sampler or a backend.

Subclass a suite in a test module and supply its fixture; pytest does the rest. Nothing else in the package
imports this one, so pytest is needed for tests only.
"""

import pytest

pytest.register_assert_rewrite(f"{__name__}.journal")  # shows values where an assert fails

from airflow_sparktune.testing.journal import JournalSuite  # noqa: E402

__all__ = ["JournalSuite"]
