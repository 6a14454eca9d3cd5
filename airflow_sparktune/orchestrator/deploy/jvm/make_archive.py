"""A program that makes an archive of the classes that a driver's JVM loads: see class_archive.py.

Arguments: Spark's folder, the file to write.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TIMEOUT_S = 300

_APPLICATION = """\
from pyspark import SparkContext
context = SparkContext.getOrCreate()
task = context.broadcast(0)
for number in range(3):
    context.setJobGroup(str(number), "a trial", interruptOnCancel=True)
    context.parallelize([0], 1).mapPartitions(lambda rows: [*rows, task.value]).collect()
context.stop()
"""


def main(spark: str, archive: str) -> None:
    """Run a small application, and let its JVM write the archive when it ends."""
    os.nice(10)
    classes = Path(archive).with_suffix(".new.jsa")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        application, settings = folder / "application.py", folder / "conf"
        application.write_text(_APPLICATION)
        # In place of spark-defaults.conf: this application must not show up in a history server.
        settings.write_text(
            f"spark.pyspark.python {sys.executable}\n"
            f"spark.local.dir {folder}\n"
            "spark.python.unix.domain.socket.enabled true\n"
        )
        subprocess.run(
            [f"{spark}/bin/spark-submit", "--master", "local[1]", "--properties-file", settings, application],
            env={
                **os.environ,
                "SPARK_HOME": spark,
                "SPARK_LOCAL_IP": "127.0.0.1",
                # As a driver's JVM is started: see options.py.
                "SPARK_SUBMIT_OPTS": f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.io.tmpdir={folder} "
                f"-XX:ArchiveClassesAtExit={classes}",
            },
            cwd=folder,
            timeout=TIMEOUT_S,
            check=True,
        )
    classes.replace(archive)


if __name__ == "__main__":
    main(*sys.argv[1:])
