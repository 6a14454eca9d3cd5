"""Take the README's picture of the page: `python tests/dashboard/take_screenshot.py STUDY PICTURE.png`.

STUDY is any study's folder, such as the one that `make demo` leaves behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from browsers import a_browser
from serving import served

from airflow_sparktune.dashboard.server import PAGE, local_app


def take(study: str, picture: Path) -> None:
    with served(local_app(study)) as url, a_browser() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 1120}, device_scale_factor=1.5)
        page.goto(f"{url}{PAGE}")
        for chart in ("losses", "timeline", "parallel"):
            page.locator(f"#{chart} .scatterlayer path").first.wait_for(state="attached")
        page.screenshot(path=picture)


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]))
