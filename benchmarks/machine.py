"""Describe the machine that the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version


def machine() -> str:
    """Return one line: the machine, and the releases of Python, Java, Spark and hyperopt."""
    releases = {
        "Python": platform.python_version(),
        "Java": _java(),
        "Spark": version("pyspark"),
        "hyperopt": version("hyperopt"),
    }
    named = ", ".join(f"{what} {release}" for what, release in releases.items())
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {named}"


def _java() -> str:
    """Return the release of the Java that Spark starts, or "unknown": some benchmarks need no Java."""
    home = os.environ.get("JAVA_HOME")
    try:
        told = subprocess.run(
            [f"{home}/bin/java" if home else "java", "-version"], capture_output=True, text=True, check=False
        ).stderr
    except OSError:
        return "unknown"
    found = re.search(r'version "([^"]+)"', told)
    return found[1] if found else "unknown"
