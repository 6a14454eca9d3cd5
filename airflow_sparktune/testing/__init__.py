"""Conformance suites for implementations of a sampler or an engine.

Subclass a suite in a test module and supply its fixture. Nothing else in the package imports this one, so
pytest is needed only for tests.
"""

import pytest

# Shows values when an assert fails.
pytest.register_assert_rewrite(f"{__name__}.engine", f"{__name__}.sampler")

from airflow_sparktune.testing.engine import EngineSuite, LaneSuite  # noqa: E402
from airflow_sparktune.testing.sampler import SamplerSuite  # noqa: E402

__all__ = ["EngineSuite", "LaneSuite", "SamplerSuite"]
