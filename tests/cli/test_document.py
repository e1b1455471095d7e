"""docs/commands.md and docs/api/ are written by `python -m dipole.cli.document`, and current."""

import importlib
import inspect
from pathlib import Path
from types import GenericAlias

import pytest

from dipole.cli.document import PACKAGES, pages

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def written():
    return pages()


def test_the_pages_are_current(written):
    there = {path.relative_to(DOCS).as_posix() for path in (DOCS / "api").iterdir()}
    assert written.keys() == there | {"commands.md"}
    for path, text in written.items():
        assert (DOCS / path).read_text(encoding="utf-8") == text, path


@pytest.mark.parametrize("page", PACKAGES)
def test_every_public_name_is_on_its_page(page, written):
    name = PACKAGES[page][0]
    package = importlib.import_module(name)
    lines = written[f"api/{page}.md"].splitlines()
    found = {one: getattr(package, one) for one in package.__all__}
    # A name for a type, as Links for frozenset[Link], has no docstring of its own.
    public = [n for n, x in found.items() if callable(x) and not isinstance(x, GenericAlias)]
    assert [one for one in public if f"::: {name}.{one}" not in lines] == []
    assert [one for one in public if not inspect.getdoc(getattr(package, one))] == []


def test_every_option_that_help_shows_is_on_the_page_of_commands(written):
    page = written["commands.md"]
    assert "| `--batch-size` | " in page
    assert "| `--hybrid` | " in page
    assert "| `RUN` | " in page
    assert "--mixed-precision" not in page
    compare = page.split("\n## dipole compare\n")[1].split("\n## ")[0]
    assert "`--folds`" in compare
    assert "`--encoder`" not in compare  # said to be that of train
    assert "except for" in compare
