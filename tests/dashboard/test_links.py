"""The links that the page copies."""

from __future__ import annotations

from airflow_sparktune.dashboard.page.assets import STATIC
from airflow_sparktune.dashboard.plugin import SparktuneViews


def test_links_lead_into_the_plugins_page_in_the_navigation() -> None:
    (route,) = [view["url_route"] for view in SparktuneViews.external_views if view["destination"] == "nav"]

    assert f'"/plugin/{route}"' in (STATIC / "links.js").read_text(encoding="utf-8")
