"""Take the README's screenshot of the page: `python -m tests.dashboard.take_screenshot STUDY PICTURE.png`.

STUDY is the folder of any study, such as the one of `make demo`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_sparktune.dashboard.server import PAGE, local_app
from tests.dashboard.helpers.browsers import a_browser
from tests.dashboard.helpers.serving import served


def take(study: str, picture: Path) -> None:
    with served(local_app(study)) as url, a_browser() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 1120}, device_scale_factor=1.5)
        page.goto(f"{url}{PAGE}")
        for chart in ("losses", "timeline"):
            page.locator(f"#{chart} .axis").first.wait_for(state="attached")
        page.screenshot(path=picture)


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]))
