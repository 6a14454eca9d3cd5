"""`make demo`: run an example DAG in Airflow, and print what its tasks log.

    python tools/demo.py [DAG]    DAG is one of dags/, by default retune_digits

The complete log is in .demo/demo.log. The Makefile sets AIRFLOW_HOME.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOG = ROOT / ".demo" / "demo.log"

# A log line of Airflow: time, level, message, logger.
LINE = re.compile(r"^\S+Z \[(?P<level>\w+) *\] (?P<message>.*?) *\[(?P<logger>[A-Za-z_][\w.]*)\] ?")
# The loggers to show: the provider's hook, which logs the driver's lines, and the operator.
SPEAKERS = ("SparkSubmitHook", "SparkTuneOperator")


def main() -> int:
    """Run the DAG, and return the exit code."""
    dag = sys.argv[1] if len(sys.argv) > 1 else "retune_digits"
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w") as log:
        print("Preparing Airflow in .demo (its log: .demo/demo.log)", flush=True)
        migrated = subprocess.run(["airflow", "db", "migrate"], stdout=log, stderr=log, check=False)
        if migrated.returncode:
            return _failed(migrated.returncode)
        print(f"Airflow runs the DAG {dag} (dags/{dag}.py)", flush=True)
        command = ["airflow", "dags", "test", dag]
        process = subprocess.Popen(
            command,
            env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in process.stdout or ():
            log.write(line)
            if (said := _said(line.rstrip("\n"))) is not None:
                print(f"  {said}", flush=True)
    return _failed(process.returncode) if process.wait() else 0


def _said(line: str) -> str | None:
    """Return the part of a log line to show, or None for a line of Airflow itself."""
    match = LINE.match(line)
    if match is None:
        return line if line.startswith(("best hyperparameters", "test accuracy")) else None
    if match["level"] in ("error", "critical"):
        return match["message"]
    spoken = match["logger"].endswith(SPEAKERS) and not match["message"].startswith(("Spark-Submit", "::"))
    return match["message"] if spoken else None


def _failed(code: int) -> int:
    sys.stderr.writelines(LOG.read_text().splitlines(keepends=True)[-30:])
    return code


if __name__ == "__main__":
    sys.exit(main())
