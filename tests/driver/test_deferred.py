from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = "'scipy.stats._continuous_distns' in sys.modules"


def run(code: str) -> None:
    """In a fresh interpreter, with scipy.stats deferred."""
    begin = "import sys; from airflow_sparktune.driver.deferred import defer; defer('scipy.stats')\n"
    subprocess.run([sys.executable, "-c", begin + code], check=True)


def test_the_sampler_does_without_what_only_atpe_uses() -> None:
    run(
        "from airflow_sparktune.driver.sampler import HyperoptSampler\n"
        "HyperoptSampler({'x': {'lognormal': [0, 1]}}, 'tpe').ask(0, seed=1)\n"
        f"assert not {LOADED}"
    )


@pytest.mark.parametrize(
    "use",
    [
        "import hyperopt.atpe; hyperopt.atpe.scipy.stats.norm.pdf(0)",
        "import scipy.stats as stats; stats.norm.pdf(0)",
        "from scipy.stats import norm; norm.pdf(0)",
        "import scipy.stats.qmc; scipy.stats.qmc.Sobol(2).random(2)",
        "from scipy import stats; stats.norm.pdf(0)",
    ],
)
def test_it_is_there_when_it_is_used(use: str) -> None:
    run(f"{use}\nassert {LOADED}\nimport scipy\nassert scipy.stats is sys.modules['scipy.stats']")


def test_many_threads_may_use_it_at_once() -> None:
    run(
        "import scipy.stats\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "deferred = scipy.stats\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    found = list(pool.map(lambda _: deferred.norm, range(8)))\n"
        "assert len(set(map(id, found))) == 1"
    )


def test_a_module_that_is_not_there_stays_so() -> None:
    run(
        "defer('no_such_module')\n"
        "try:\n"
        "    import no_such_module\n"
        "except ModuleNotFoundError:\n"
        "    sys.exit(0)\n"
        "sys.exit(1)"
    )
