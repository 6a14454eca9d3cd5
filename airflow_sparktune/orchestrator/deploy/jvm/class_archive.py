"""The archive of Spark's classes in the user's cache folder.

A JVM maps the classes of an archive, instead of reading and checking them one by one. It checks first whether
the archive fits, and ignores one that does not.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall

log = logging.getLogger(__name__)

# Archives of other installations that are kept; each takes 65 MB.
MOST_OTHERS = 3

_MAKER = Path(__file__).with_name("make_archive.py")


@dataclass(frozen=True, slots=True)
class ClassArchive:
    """The archive for one installation of Spark and Java. An empty file means that making it has begun."""

    path: Path
    spark: Path

    @classmethod
    def of(cls, install: SparkInstall) -> ClassArchive | None:
        """Return the archive for an installation, made or not; None if there cannot be one.

        Java archives no classes if a folder with files is on the class path, such as Spark's own conf folder.
        """
        home = os.environ.get("JAVA_HOME")
        java = Path(home, "bin", "java") if home else Path(shutil.which("java") or "java")
        try:
            if any(any(folder.iterdir()) for folder in _conf_folders(install) if folder.is_dir()):
                return None
            parts = [path.resolve(strict=True) for path in (java, install.home / "jars")]
            key = hashlib.sha256(repr([(str(path), path.stat().st_mtime_ns) for path in parts]).encode())
            return cls(_cache() / f"spark-classes-{key.hexdigest()[:16]}.jsa", install.home)
        except (OSError, RuntimeError):  # RuntimeError: this user has no home
            return None

    @property
    def options(self) -> Sequence[str]:
        """Return the options with which a JVM uses the archive; none before it is made."""
        try:
            if not self.path.stat().st_size or not _is_private(self.path.parent):
                return ()
            os.utime(self.path)  # so that archives in use are kept
        except OSError:
            return ()
        # Without the log's setting, a JVM that cannot use the archive would warn in the task's log.
        return (f"-XX:SharedArchiveFile={self.path}", "-Xlog:cds*=off")

    def make(self) -> None:
        """Make the archive in a process that outlives this one, unless that was tried before."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self.path.parent):
                return
            self.path.touch(mode=0o600, exist_ok=False)
            self._remove_others()
            subprocess.Popen(
                [sys.executable, str(_MAKER), str(self.spark), str(self.path)],
                env={name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            log.debug("no archive of Spark's classes was made: %s", error)

    def _remove_others(self) -> None:
        others = sorted(self.path.parent.glob("*.jsa"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[MOST_OTHERS + 1 :]:
            path.unlink()


def _conf_folders(install: SparkInstall) -> list[Path]:
    """Return the folders that spark-submit puts on the class path."""
    names = ("SPARK_CONF_DIR", "HADOOP_CONF_DIR", "YARN_CONF_DIR")
    return [install.home / "conf", *(Path(os.environ[name]) for name in names if os.environ.get(name))]


def _is_private(folder: Path) -> bool:
    """Return whether no other user can write to the folder and so replace the code that the JVM runs."""
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _cache() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "airflow-sparktune"
