"""The pages: their links, the files of the package that they name, no picture that none shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from dipole.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page ends in."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def modules(text: str) -> Iterator[str]:
    """The modules in `dipole.room.{a, b}` or `dipole.room.a`."""
    for room, names, last in re.findall(r"`(dipole[\w.]*?)\.(?:\{([^}]*)\}|(\w+))`", text):
        listed = [name.strip() for name in names.split(",")] if names else [last]
        yield from (f"{room}.{name}" for name in listed if name != "...")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"
    for name in re.findall(r"\bdocs/[\w/-]+\.(?:md|png|json)\b", prose(page)):
        assert (ROOT / name).is_file(), f"{page.name}: {name}"


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of dipole in the blocks of a page, as words, but for those cut by `...`."""
    for block in re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"(?:torchrun .*? -m )?dipole (.*)", line)
            if found and "..." not in line:
                words = shlex.split(found[1].partition(" > ")[0], comments=True)
                yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_has_the_options_that_it_is_given(page: Path) -> None:
    root: Any = get_command(app)
    for words in commands(page):
        command, rest = root, words
        while rest and rest[0] in getattr(command, "commands", {}):
            command, rest = command.commands[rest[0]], rest[1:]
        assert command is not root, words
        context = command.context_class(command, info_name=words[0])
        command.make_parser(context).parse_args(list(rest))


def test_every_picture_and_table_is_linked() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in _LINK.findall(prose(page))
        if "://" not in link
    }
    files = {path for path in (ROOT / "docs").rglob("*") if path.suffix in (".png", ".svg")}
    assert not files - linked


def test_the_page_of_the_engine_names_its_files() -> None:
    text = (ROOT / "docs" / "engine-inside.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:\w+/)?(\w+\.py)`", text))
    there = {path.name for path in (ROOT / "src" / "dipole" / "kernels").rglob("*.py")}
    assert len(named) > 15
    assert named <= there


def test_modules_have_moved_where_the_page_says() -> None:
    text = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`dipole\..*?) \| (.*) \|$", text, re.M)
    assert len(rows) > 25
    for before, now in rows:
        found = list(modules(now))
        assert found
        assert all(find_spec(name) is not None for name in found if name != "dipole.fit"), now
        if "(a file)" in before:
            continue
        for name in modules(before):
            path = ROOT / "src" / Path(*name.split("."))
            assert not path.with_suffix(".py").exists(), name
