"""The table of the package's limits, made from its own constants."""

from __future__ import annotations

from airflow_sparktune.dashboard.page import columns
from airflow_sparktune.driver import watchdog
from airflow_sparktune.driver.engines import threaded
from airflow_sparktune.driver.spark import sharing
from airflow_sparktune.executor import output, reply
from airflow_sparktune.executor.reports import report
from airflow_sparktune.study import ends, metric, phase
from airflow_sparktune.study.definition import confirm
from airflow_sparktune.study.journal import bounds, decode, streams
from airflow_sparktune.study.journal import output as kept_output
from airflow_sparktune.study.stopping import counts
from airflow_sparktune.study.storage import deadline


def rows() -> list[tuple[str, str, str]]:
    """Return what is limited, its limit, and what happens beyond it."""
    rejected = "rejected before Spark starts"
    return [
        ("trials that run at once", f"{threaded.MAX_THREADS:,}", "more wait for a slot"),
        ("trials of a study", "none", f"the page shows a sample of {columns.MOST_TRIALS:,}"),
        ("attempts of a study", f"{streams.MOST_ATTEMPTS:,}", "a further one fails"),
        ("values in a spec, nested", f"{bounds.MOST_VALUES:,}, {bounds.MOST_DEPTH} deep", rejected),
        ("a number in a spec", "within 1e300", rejected),
        ("a loss or score", f"within {metric.LARGEST_LOSS:.0e}".replace("+", ""), "the trial fails"),
        (
            "what an objective returns besides the loss",
            _bytes(reply.INFO_LIMIT_BYTES),
            "the largest values are left out, and their names kept",
        ),
        ("a report of a trial", _bytes(report.MOST_BYTES), "`trial.report` raises ValueError"),
        (
            "the output of a trial in the page and the log",
            f"{ends.SHOWN_CHARS:,} characters",
            "the middle is left out",
        ),
        (
            "the output of a trial in the study",
            f"{output.WHOLE_CHARS:,} characters",
            "the middle is left out",
        ),
        ("the output of an attempt", _bytes(kept_output.MOST_BYTES), "later output is not kept"),
        (
            "an error's message, its traceback",
            f"{bounds.MESSAGE_LIMIT:,} and {bounds.TRACEBACK_LIMIT:,} characters",
            "the rest is left out",
        ),
        (
            "a value of `shared_data` that is mapped",
            f"from {_bytes(sharing.MIN_VALUE_BYTES)}",
            "a smaller one is broadcast",
        ),
        ("a JSON file of a study", _bytes(decode.MOST_BYTES), "it is not read, and reported as a problem"),
        ("`confirm.repeats`", f"{confirm.LEAST_REPEATS} to {confirm.MOST_REPEATS}", rejected),
        ("`confirm.top`", f"1 to {confirm.MOST_CANDIDATES}", rejected),
        ("first trials that all fail", f"{counts.FIRST_FEW}", "the study stops with the first traceback"),
        (
            "a driver's silence",
            f"{phase.SILENT_S:.0f} s; {phase.SILENT_STARTING_S / 60:.0f} minutes before the first trial",
            "the study counts as lost",
        ),
        ("a call to the storage", f"{deadline.LIMIT_S:.0f} s", "it counts as an outage"),
        (
            "a driver whose task has died",
            f"looks every {watchdog.PERIOD_S} s",
            "it ends, with its trials; in client mode",
        ),
    ]


def _bytes(size: int) -> str:
    return f"{size // 2**20} MiB" if size >= 2**20 else f"{size // 2**10} KiB"
