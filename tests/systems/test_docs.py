"""The pages of docs/systems are those of the verdicts that come with dipole."""

import re

import pytest

from dipole.systems.catalogue import states, table_page
from dipole.systems.results import docs_folder, shipped

DOCS = docs_folder()


def without_staleness(text):
    """A change of code makes verdicts stale and no page wrong."""
    return re.sub(r", stale(?= \|)| · \d+ of these stale", "", text)


def test_the_table_is_current():
    """`dipole systems --out docs/systems/README.md` writes it, and which pages are stale."""
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    assert without_staleness(text) == without_staleness(table_page(states(), DOCS))


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_has_its_verdict_and_its_picture(page):
    text = page.read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert all((DOCS / picture).is_file() for picture in pictures)
    if page.stem != "README":
        result = shipped()[page.stem]
        why = f" ({result.why})" if result.why else ""
        assert f"**{result.verdict}**{why} · " in text


def test_no_picture_that_no_page_shows():
    shown = {
        name
        for page in DOCS.glob("*.md")
        for name in re.findall(r"!\[.*?\]\((.*?)\)", page.read_text(encoding="utf-8"))
    }
    assert {path.name for path in DOCS.iterdir() if path.suffix != ".md"} == shown
    assert {path.stem for path in DOCS.glob("*.md")} == {*shipped(), "README"}
