"""The documentation site: it can be built, leads nowhere that is not there, and fetches nothing from anywhere."""

import logging
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from entresol.model.reasons import Reason
from scripts.site import on_page_markdown
from tests.architecture.repository import ROOT, name_of
from tests.docs.reader import GUIDE
from tests.docs.test_guide import ON_REAL_NODES, PAGES
from tests.support.transcript import fences

DOCS = ROOT / "docs"
NOT_CARRIED_OUT = {"console-norun": 3, "sh": 12, "text": 12}
"""How many blocks of each language may stand on the pages without anybody carrying them out."""


class Links(HTMLParser):
    """What one page of the site has: anchors, links to pages, and what a browser fetches by itself."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.anchors |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        if tag in {"script", "img", "iframe", "source"} and "src" in told:
            self.fetched.append(told["src"])
        if tag == "link" and told.get("rel") != "canonical":
            self.fetched.append(told.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built; a warning fails it."""
    folder = tmp_path_factory.mktemp("site")
    level = logging.getLogger("mkdocs").level
    build(load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(folder)))
    logging.getLogger("mkdocs").setLevel(level)
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    """Every page of the site."""
    return {page: Links(page) for page in sorted(site.rglob("*.html")) if page.name != "404.html"}


def test_every_page_is_there(pages: dict[Path, Links], site: Path) -> None:
    written = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")}
    built = {path.relative_to(site).with_suffix("") for path in pages}
    assert built == {path.with_name("index") if path.name == "README" else path for path in written}


def test_links_and_anchors_lead_somewhere(pages: dict[Path, Links]) -> None:
    assert [f"{page.name}: {link}" for page, found in pages.items() for link in broken(page, found, pages)] == []


def broken(page: Path, found: Links, pages: dict[Path, Links]) -> Iterator[str]:
    """Links of a page to files or anchors that are not there."""
    for link in found.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        target = target / "index.html" if target.is_dir() else target
        anchors = pages[target].anchors if target in pages else {parts.fragment}
        if not target.exists() or (parts.fragment and unquote(parts.fragment) not in anchors):
            yield link


def test_nothing_is_fetched_from_anywhere_else(pages: dict[Path, Links], site: Path) -> None:
    everything = [each for found in pages.values() for each in found.fetched]
    assert everything
    assert [each for each in everything if urlsplit(each).scheme not in {"", "data"} or each.startswith("//")] == []
    styles = [path for path in site.rglob("*.css") if "url(http" in path.read_text() or "@import" in path.read_text()]
    assert styles == []


def test_every_reason_has_its_place_in_troubleshooting() -> None:
    text = (GUIDE / "troubleshooting.md").read_text()
    section = text.partition("\n## Reasons\n")[2].partition("\n## ")[0]
    named = [line.removeprefix("### ") for line in section.splitlines() if line.startswith("### ")]
    assert sorted(named) == sorted(reason.value for reason in Reason)
    for part in section.split("\n### ")[1:]:
        assert "*Who" in part, f"{part.splitlines()[0]}: who can mend it?"
        assert "*How:*" in part, f"{part.splitlines()[0]}: how?"


def test_every_transcript_is_carried_out() -> None:
    read = {*PAGES, *(GUIDE / f"{name}.md" for name in ON_REAL_NODES)}
    shown = {page for page in DOCS.rglob("*.md") if any(one.language == "console" for one in fences(page.read_text()))}
    assert sorted(map(name_of, shown)) == sorted(map(name_of, read))


def test_few_blocks_are_not_carried_out() -> None:
    pages = [*GUIDE.glob("*.md"), *(DOCS / "runbooks").glob("*.md")]
    counted = Counter(one.language for page in pages for one in fences(page.read_text()))
    shown = counted.keys() - {"console", "yaml"}
    assert {
        language: counted[language] for language in shown if counted[language] > NOT_CARRIED_OUT.get(language, 0)
    } == {}


class _Page:
    def __init__(self, path: str) -> None:
        self.file = self
        self.src_uri = path


LED = {
    "a link inside of the pages stays": ("[a](../metrics.md#x)", "", "[a](../metrics.md#x)"),
    "a link to a file outside becomes its name": ("[a](../../crds/x.yaml)", "", "a (`crds/x.yaml`)"),
    "a text that says the name says it once": ("[`crds/x.yaml`](../../crds/x.yaml)", "", "`crds/x.yaml`"),
    "with a source it leads there": (
        "[a](../../README.md#c)",
        "https://example.org/",
        "[a](https://example.org/README.md#c)",
    ),
    "a block of code stays": ("```sh\n[a](../../b)\n```", "", "```sh\n[a](../../b)\n```"),
    "an address stays": ("[a](https://example.org)", "", "[a](https://example.org)"),
}


@pytest.mark.parametrize(("text", "source", "want"), LED.values(), ids=LED)
def test_a_link_out_of_the_pages(text: str, source: str, want: str) -> None:
    config = {"docs_dir": str(DOCS), "extra": {"source": source}}
    assert on_page_markdown(text, page=_Page("guide/tasks.md"), config=config) == want
