"""Sphinx builds the site, and a laptop shows it whole."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import airflow_sparktune
from airflow_sparktune import callbacks, errors, gp, space, testing
from airflow_sparktune.study.definition import ARGUMENTS
from tests.dashboard.helpers.browsers import a_browser

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration

# The tables that are wider than the place that they are in, by their first words.
CUT = """() => {
    const right = element => element.getBoundingClientRect().right
    return [...document.querySelectorAll('article table.docutils')]
        .filter(table => right(table) > right(table.parentElement) + 1)
        .map(table => table.innerText.slice(0, 60))
}"""
WIDTH = "() => document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the folder of this version in a website that has that of an older one; a warning is an error."""
    website = tmp_path_factory.mktemp("website")
    (website / "0.0").mkdir()
    version = airflow_sparktune.__version__.rpartition(".")[0]
    folders = str(Path(sys.executable).parent), version, str(website)
    subprocess.run([ROOT / "tools" / "docs.sh", *folders], check=True, cwd=ROOT)
    return website / version


def test_the_generated_tables_are_complete(site: Path) -> None:
    """They have every argument and every error."""
    operator = (site / "reference" / "operator.html").read_text()
    assert all(f">{item.name}<" in operator for item in ARGUMENTS)
    table = (site / "reference" / "errors.html").read_text()
    assert all(f">{name}<" in table for name in errors.__all__)


def test_the_reference_has_every_public_name(site: Path) -> None:
    """What can be imported from a public module is on a page; Sphinx lists what it has described."""
    text = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    described = {line.split()[0] for line in zlib.decompress(text).decode().splitlines()}
    for module in (airflow_sparktune, callbacks, errors, space, testing):
        for name in module.__all__:
            places = {f"{module.__name__}.{name}", f"{errors.__name__}.{name}"}
            assert places & described or name == "__version__", f"describe {name} in docs/reference"
    assert f"{gp.__name__}.{gp.suggest.__name__}" in described


def test_a_page_links_to_other_versions(site: Path) -> None:
    """Each version finds those that were published after it, because the list is outside of its folder."""
    with a_browser() as browser:
        page = browser.new_page()
        page.goto((site / "reference" / "versions.html").as_uri())
        links = page.locator(".versions a")
        assert links.all_inner_texts() == ["stable", site.name, "0.0"]
        links.first.click()
        assert page.url == (site.parent / "stable" / "index.html").as_uri()


def test_no_page_is_cut(site: Path) -> None:
    """On a laptop and on half of a screen, neither a table nor a page scrolls sideways."""
    with a_browser() as browser:
        page = browser.new_page()
        for file in sorted(site.rglob("*.html")):
            if "_modules" in file.parts:
                continue
            page.goto(file.as_uri())
            for width in (1280, 900):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate(CUT) == [], (file, width)
                assert page.evaluate(WIDTH) <= width, file
