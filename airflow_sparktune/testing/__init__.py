"""The conformance suite of a sampler, for samplers outside this package too.

Subclass it in a test module and supply its fixture. Nothing else in the package imports this one, so pytest
is needed only for tests.
"""

import pytest

# Shows values when an assert fails.
pytest.register_assert_rewrite(f"{__name__}.sampler")

from airflow_sparktune.testing.sampler import SamplerSuite  # noqa: E402

__all__ = ["SamplerSuite"]
