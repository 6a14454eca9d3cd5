"""Pack the files for the driver into a work folder: parts of this package, and the user's code.

The folder belongs to one attempt and is removed with it. It holds the launcher, zips, log settings and
Spark's scratch space. It is outside any DAG bundle, because a bundle may be read-only. It is also the working
directory of spark-submit, because a package in the current folder would take precedence over the shipped one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import airflow_sparktune
from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.user_code import UserCode
from airflow_sparktune.study.files.code import zipped

# The files and folders that run inside Spark, and what they import. User code may import space and
# callbacks.
FILES = ("__init__.py", "errors.py", "printable.py", "space.py", "version.py")
ROOMS = ("study", "driver", "executor", "callbacks")

_ROOT = Path(airflow_sparktune.__file__).parent
# In an image, /opt/spark/launch links to its folder.
LAUNCHER = "driver/launch/sparktune_launcher.py"

# Warnings go to the task's log (4 of 88 lines of a quiet application), other messages to a file. The end of
# the file is logged after a failure. The driver itself reports failed tasks.
_LOG4J = """\
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
rootLogger.appenderRef.console.level = warn
rootLogger.appenderRef.file.ref = file
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = Spark %p %c{{1}}: %m%n
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {file}
appender.file.filePattern = {file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{HH:mm:ss}} %p %c{{1}}: %m%n%ex
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 5MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 1
"""
_QUIET = (
    "org.apache.hadoop.util.NativeCodeLoader",
    "org.apache.spark.SparkConf",
    "org.apache.spark.executor.Executor",
    "org.apache.spark.scheduler.TaskSetManager",
    "org.apache.spark.util.Utils",
)
# Spark's own log, in the work folder.
SPARK_LOG = "spark.log"


@dataclass(frozen=True, slots=True)
class SubmitFiles:
    """The files for spark-submit in a work folder."""

    folder: Path
    launcher: Path
    py_files: tuple[str, ...]
    log4j: Path

    @classmethod
    def pack(cls, folder: Path, code: UserCode | None, more: str | None = None) -> SubmitFiles:
        """Write all files into `folder`; `more` are the user's `py_files`, separated by commas."""
        # Python puts the folder of a program at the front of sys.path, so the launcher has its own folder.
        launcher = folder / "launch" / Path(LAUNCHER).name
        launcher.parent.mkdir()
        shutil.copyfile(_ROOT / LAUNCHER, launcher)
        package = folder / "airflow_sparktune.zip"
        package.write_bytes(zipped(dict(package_files())))
        py_files = [package]
        if code is not None:
            py_files.append(folder / "user_code.zip")
            py_files[-1].write_bytes(zipped(code.files))
        log4j = folder / "log4j2.properties"
        log4j.write_text(_log4j(folder / SPARK_LOG))
        (folder / "scratch").mkdir()
        ours = map(str, py_files)
        return cls(folder, launcher, (*ours, *importable(more, folder=folder)), log4j)

    @property
    def scratch(self) -> Path:
        """Return the folder of Spark's temporary files, which a killed JVM cannot remove itself."""
        return self.folder / "scratch"


def _log4j(file: Path) -> str:
    quiet = "".join(
        f"logger.quiet{number}.name = {name}\n"
        f"logger.quiet{number}.additivity = false\n"
        f"logger.quiet{number}.appenderRef.file.ref = file\n"
        for number, name in enumerate(_QUIET)
    )
    return _LOG4J.format(file=file) + quiet


def package_files() -> Iterator[tuple[str, bytes]]:
    """Yield the files of this package that run inside Spark, by their path in a zip."""
    for name in FILES:
        yield f"airflow_sparktune/{name}", (_ROOT / name).read_bytes()
    for room in ROOMS:
        for path in sorted((_ROOT / room).rglob("*.py")):
            yield f"airflow_sparktune/{path.relative_to(_ROOT)}", path.read_bytes()


def importable(py_files: str | None, *, folder: Path) -> list[str]:
    """Return the paths of a comma-separated list, with each wheel replaced by a copy in `folder` named .zip.

    Spark adds zips and eggs to sys.path on executors, but wheels only on the driver. A pure Python wheel can
    be imported as a zip; compiled parts could not be loaded from one. Raises PlatformError for a wheel with
    compiled parts, and for one that is not a local file.
    """
    paths = [path.strip() for path in (py_files or "").split(",")]
    return [_as_zip(path, folder) if path.endswith(".whl") else path for path in paths if path]


def _as_zip(wheel: str, folder: Path) -> str:
    source = Path(wheel.removeprefix("file://"))
    if not source.stem.endswith("-any"):
        raise PlatformError(
            f"a wheel in py_files must be pure Python (its name ends with -none-any.whl), got {source.name}; "
            "install it into an environment and send the environment as archives"
        )
    if not source.is_file():
        raise PlatformError(
            f"a wheel in py_files must be a file on this worker, got {wheel}; give its absolute path"
        )
    copy = folder / f"{source.stem}.zip"
    shutil.copyfile(source, copy)
    return str(copy)
