"""The options of the driver's JVM."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence

from airflow_sparktune.orchestrator.deploy.parcel import Parcel

# With trials on executors, the driver's JVM only schedules. With only the first compiler and the simplest
# collector, it starts in two thirds of the time, and jobs take no longer even after a thousand of them.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

# The longest usable path of a folder for Unix sockets: Spark names them `.<uuid>.sock`, and some systems
# limit the whole path to 104 bytes.
SOCKET_FOLDER = 60


def chooses_collector(conf: Mapping[str, str]) -> bool:
    """Return whether the user has chosen a garbage collector; a JVM does not start with two."""
    names = ("SPARK_SUBMIT_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
    given = [os.environ.get(name, "") for name in names]
    given += [conf.get("spark.driver.extraJavaOptions", ""), conf.get("spark.driver.defaultJavaOptions", "")]
    return any("-XX:" in options for options in given)


def jvm_options(parcel: Parcel, quick: Sequence[str], *, quiet: bool) -> str:
    """Return options for the driver's JVM; those of the machine (such as a proxy) come last and win."""
    options = [shlex.quote(option) for option in quick]
    if quiet:
        options.append(f"-Dlog4j2.configurationFile=file:{parcel.log4j}")
    if len(os.fsencode(parcel.scratch)) <= SOCKET_FOLDER:
        # Sockets, libraries and other leftovers of the JVM are removed with the work folder.
        options.append(f"-Djava.io.tmpdir={parcel.scratch}")
    return " ".join([*options, os.environ.get("SPARK_SUBMIT_OPTS", "")]).rstrip()
