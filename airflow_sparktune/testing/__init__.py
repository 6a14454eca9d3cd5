"""The conformance suites of a sampler and a pruner, for those outside this package too.

Subclass one in a test module and supply its fixture. Nothing else in the package imports this one, so pytest
is needed only for tests.
"""

import pytest

# Shows values when an assert fails.
pytest.register_assert_rewrite(f"{__name__}.sampler", f"{__name__}.pruner")

from airflow_sparktune.testing.pruner import PrunerSuite  # noqa: E402
from airflow_sparktune.testing.sampler import SamplerSuite  # noqa: E402

__all__ = ["PrunerSuite", "SamplerSuite"]
