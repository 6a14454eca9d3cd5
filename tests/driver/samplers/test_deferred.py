from __future__ import annotations

import subprocess
import sys

import pytest

# Each test starts an interpreter that imports hyperopt, and most import scipy.stats.
pytestmark = pytest.mark.integration

LOADED = "'scipy.stats._continuous_distns' in sys.modules"


def run(code: str) -> None:
    """Run code in a new interpreter after the import of the sampler."""
    begin = "import sys\nimport airflow_sparktune.driver.samplers.hyperopt\n"
    subprocess.run([sys.executable, "-c", begin + code], check=True)


@pytest.mark.parametrize("algo", ["tpe", "gp", "random"])
def test_importing_the_sampler_loads_nothing_that_only_atpe_uses(algo: str) -> None:
    code = f"""
import sys
from airflow_sparktune.driver.samplers import sampler_of
sampler_of({{"x": {{"lognormal": [0, 1]}}}}, {algo!r}).ask(0, seed=1)
assert not {LOADED}
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "use",
    [
        "import hyperopt.atpe; hyperopt.atpe.scipy.stats.norm.pdf(0)",
        "import scipy.stats as stats; stats.norm.pdf(0)",
        "from scipy.stats import norm; norm.pdf(0)",
        "from scipy import stats; stats.norm.pdf(0)",
        "from scipy.stats._distn_infrastructure import rv_frozen; import scipy\n"
        "assert isinstance(scipy.stats.norm(0, 1), rv_frozen)",
    ],
)
def test_a_deferred_module_is_loaded_when_used(use: str) -> None:
    run(f"{use}\nassert {LOADED}\nimport scipy\nassert scipy.stats is sys.modules['scipy.stats']")


def test_a_module_used_during_the_import_is_loaded() -> None:
    run(
        "from airflow_sparktune.driver.samplers.deferred import deferred\n"
        "with deferred('wave'):\n"
        "    import wave\n"
        "    assert wave.Wave_read.__module__ == 'wave'\n"
        "    assert 'Wave_read' in vars(sys.modules['wave'])\n"
        "assert 'wave' in sys.modules"
    )


def test_a_missing_module_stays_missing() -> None:
    run(
        "from airflow_sparktune.driver.samplers.deferred import deferred\n"
        "with deferred('no_such.module'):\n"
        "    try:\n"
        "        import no_such.module\n"
        "    except ModuleNotFoundError:\n"
        "        sys.exit(0)\n"
        "sys.exit(1)"
    )
