"""The documentation builds into a site without a warning, and nothing in it leads nowhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto_assets_tests.docs.pages import ROOT

NO_NOTICE = {"NO_MKDOCS_2_WARNING": "true"}
"""The theme's notice of what its makers plan."""


@dataclass(frozen=True, slots=True)
class Built:
    """A build of the site."""

    folder: Path
    status: int
    said: str


def build(folder: Path, *, config: Path = ROOT / "mkdocs.yml") -> Built:
    """The site in `folder`; warnings are failures, so a link, an anchor or a page that is missing is one."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(folder)]
    environment = {**os.environ, **NO_NOTICE}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return Built(folder, done.returncode, done.stderr)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("site"))


def test_the_site_builds_without_a_warning(site: Built) -> None:
    assert site.status == 0, site.said


def test_nothing_is_fetched_from_others_when_a_page_is_opened(site: Built) -> None:
    """Drawings by Mermaid excepted: the theme fetches it, and shows their text without network."""
    fetched = re.compile(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="(https?:[^"]*)"')
    found = {
        f"{path.relative_to(site.folder)}: {address}"
        for path in site.folder.rglob("*.html")
        for address in fetched.findall(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_every_page_can_be_searched_for(site: Built) -> None:
    index = (site.folder / "search" / "search_index.json").read_text(encoding="utf-8")
    assert '"location":"tutorial/"' in index
    assert '"location":"reference/assets/#gold_features"' in index


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (tmp_path / "docs").mkdir()
    page = "# Page\n\n[a](none.md) [b](#none)\n"
    (tmp_path / "docs" / "index.md").write_text(page)
    config = tmp_path / "mkdocs.yml"
    config.write_text(f"{settings.partition('nav:\n  - Start')[0]}nav:\n  - index.md\n")
    built = build(tmp_path / "site", config=config)
    assert built.status != 0
    assert "none.md" in built.said
    assert "#none" in built.said


def test_every_page_has_its_place_in_the_navigation() -> None:
    """A page that the navigation lacks is a warning too; this says which in a second."""
    listed = re.findall(r"([\w/-]+\.md)", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2])
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert len(listed) == len(set(listed))
    assert set(listed) == pages
