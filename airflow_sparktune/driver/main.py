"""The program that spark-submit starts: run the study at an address, and record how it ended in its journal.

With `--script`, a user's program around SparkTrials replaces the study's spec. With `--code-sha256`, the
user's code, with the script, is read from the study folder. With `--segments-sha256`, the address is that of
an application with a study for each of its segments.
Exit codes: 0 a result (with segments: see `Application.run`), 1 a failure (described in the journal), 143
killed by SIGTERM.
"""

from __future__ import annotations

import argparse
import logging
import os
import runpy
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from airflow_sparktune.driver.spark.restart import has_ended, restarted_application, taken_over
from airflow_sparktune.driver.watchdog import Watchdog
from airflow_sparktune.errors import PlatformError, SparktuneError
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.definition.file import read_spec
from airflow_sparktune.study.journal.follow import read_whole
from airflow_sparktune.study.segments import read_submitted_segments
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.version import __version__

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a study and exit the process."""
    parser = argparse.ArgumentParser(prog="sparktune-driver")
    parser.add_argument("--study", required=True, help="the study's folder: a path or a URL")
    parser.add_argument(
        "--spec-sha256", help="hash of the submitted spec.json; a file with another is refused"
    )
    parser.add_argument(
        "--segments-sha256", help="the same of segments.json: run the study of each of its segments"
    )
    parser.add_argument(
        "--code-sha256", help="hash of the submitted user_code.zip; a file with another is refused"
    )
    parser.add_argument(
        "--shipped", type=Path, help="a zip on this machine with all code, for the executors as well"
    )
    parser.add_argument("--release", help="the release of this package that has submitted the study")
    parser.add_argument("--work", type=Path, help="client mode: exit with the task, and remove this folder")
    parser.add_argument(
        "--script", nargs=argparse.REMAINDER, help="a program around SparkTrials to run instead"
    )
    arguments = parser.parse_args(argv)
    if not (arguments.script or arguments.spec_sha256 or arguments.segments_sha256):
        parser.error("--spec-sha256 or --segments-sha256 is needed without --script")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    # With pandas 3, PySpark emits this warning at every start; nothing here uses pandas.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    for chatty in ("py4j", "hyperopt"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    watchdog = Watchdog(arguments.work)
    watchdog.start()
    code = 1
    try:
        code = _run(arguments)
    except Exception:
        log.exception("the driver failed outside its study")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            logging.shutdown()
            sys.stdout.flush()
        finally:  # a trial on the driver may have closed stdout
            watchdog.end(code)


def _run(arguments: argparse.Namespace) -> int:
    address, script = arguments.study, arguments.script
    try:
        _refuse_another_release(arguments.release)
        if arguments.shipped:
            from airflow_sparktune.driver.spark.session import ship

            ship(arguments.shipped)
        if arguments.code_sha256:
            from airflow_sparktune.driver.submitted_code import extract_script, use_code

            code = use_code(address, sha256=arguments.code_sha256)
            script = script and [extract_script(code, script[0]), *script[1:]]
        if script:
            return _run_script(address, script)
        return _run_spec(address, arguments.spec_sha256, arguments.segments_sha256)
    except SparktuneError as error:
        if script:
            raise
        log.error("%s", error)
        return 1


def _refuse_another_release(submitted: str | None) -> None:
    """Raise PlatformError if the driver's image has another release of this package than the task."""
    if submitted not in (None, __version__):
        raise PlatformError(
            f"task and driver must run the same airflow-sparktune, got {submitted} in the task and "
            f"{__version__} in the driver's image; install airflow-sparktune=={submitted} in the image"
        )


def _run_spec(address: str, spec_sha256: str, segments_sha256: str | None = None) -> int:
    from airflow_sparktune.driver.spec_plan import DONE, FAILED, run_spec

    storage, restarted = open_storage(address), restarted_application(os.environ)
    segments = None
    if segments_sha256:
        segments = read_submitted_segments(storage, address, sha256=segments_sha256)
        studies = (read_whole(open_storage(address_of(address, name))).study for name in segments.names)
        if restarted is not None and any(taken_over(study, restarted) for study in studies):
            return FAILED
    elif restarted is not None and has_ended(study := read_whole(storage).study, restarted):
        return DONE if study.result_stands else FAILED
    # hyperopt takes as long to import as Spark takes to start, so the two overlap. Both import pyspark, which
    # is imported first: two threads that import the same package may each find it incomplete.
    import_module("airflow_sparktune.driver.spark.session")
    sampler = "airflow_sparktune.driver.samplers.hyperopt"
    threading.Thread(target=import_module, args=(sampler,), daemon=True).start()
    if segments is not None:
        from airflow_sparktune.driver.segments import run_segments

        return run_segments(address, segments)
    return run_spec(storage, address, read_spec(storage, address, sha256=spec_sha256))


def _run_script(address: str, script: Sequence[str]) -> int:
    """Run a user's program as Python would, with the study's address in the environment for SparkTrials."""
    os.environ["SPARKTUNE_STUDY"] = address
    sys.argv = list(script)
    sys.path.insert(0, str(Path(script[0]).parent))
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started a JVM
        from airflow_sparktune.driver.spark.session import offer_settings

        offer_settings()
    try:
        runpy.run_path(script[0], run_name="__main__")
    except SystemExit as exit_:
        match exit_.code:
            case None:
                return 0
            case int(code):
                return code
            case message:  # Python prints the message of an uncaught SystemExit
                log.error("%s", message)
                return 1
    return 0


if __name__ == "__main__":
    main()
