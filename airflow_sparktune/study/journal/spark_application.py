"""The Spark application of an attempt, as its journal names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkApplication(JsonObject):
    """The Spark application that runs an attempt's trials, and the addresses of its pages."""

    WHAT: ClassVar[str] = "a Spark application"

    application: str | None = stored(shape.words, default=None)
    master: str | None = stored(shape.words, default=None)
    ui: str | None = stored(shape.words, default=None)
    history: str | None = stored(shape.words, default=None)  # the history server, if the cluster has one

    def web_page(self, *, ended: bool) -> str | None:
        """Return the address of the application's page, on the history server once the study has ended.

        Return None if the value is not a web address: others may write to the study folder, and could put a
        script there.

        >>> spark = SparkApplication(application="app-1", ui="http://host:4040", history="host:18080")
        >>> spark.web_page(ended=False), spark.web_page(ended=True)
        ('http://host:4040', 'http://host:18080/history/app-1')
        >>> SparkApplication(ui="javascript:alert(1)").web_page(ended=False) is None
        True
        """
        address = self.ui
        if ended and self.history and self.application:
            server = self.history if "://" in self.history else f"http://{self.history}"
            address = f"{server.rstrip('/')}/history/{self.application}"
        return web_address(address)


def web_address(value: Any) -> str | None:
    """Return `value` if it is an http or https address with a host, else None.

    Others may write to a journal, so `javascript:` addresses must not become links.

    >>> web_address("http://driver:4040"), web_address("javascript:alert(1)"), web_address("http://[x")
    ('http://driver:4040', None, None)
    """
    if not isinstance(value, str) or not value.isprintable():
        return None
    try:
        parts = urlsplit(value)
        return value if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None
