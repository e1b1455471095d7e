"""The site of documents: its navigation, and what is two clicks from its front page."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
# Linked from the table of systems and the page of benches, which are in the navigation.
LISTED_ELSEWHERE = ("systems/", "benches/")


def in_navigation(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for below in entry.values() if isinstance(entry, dict) else entry:
            yield from in_navigation(below)


def links(page: str) -> set[str]:
    text = re.sub(r"^```.*?^```", "", (DOCS / page).read_text("utf-8"), flags=re.DOTALL | re.M)
    targets = re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", text)
    folder = (DOCS / page).parent
    return {(folder / target).resolve().relative_to(DOCS).as_posix() for target in targets}


def test_the_navigation_names_every_page_once() -> None:
    named = list(in_navigation(SITE["nav"]))
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert len(named) == len(set(named))
    assert set(named) <= there
    assert {page for page in there - set(named) if not page.startswith(LISTED_ELSEWHERE)} == set()


def test_every_page_has_one_title() -> None:
    for path in DOCS.rglob("*.md"):
        text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.M)
        assert len(re.findall(r"^# ", text, re.M)) == 1, path


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("choosing.md", "supcon"),  # which loss for labelled data
        ("choosing.md", "labelled pairs"),  # which loss for labelled pairs
        ("two-gpus.md", "torchrun --nproc_per_node 2"),  # how to use two GPUs
        ("scaling.md", "torchrun --nnodes"),
        ("recipes.md", "A recipe is a set of settings"),  # what a recipe is
        ("architecture.md", "| [recipe](recipes.md) |"),
        ("export.md", "--to onnx"),  # how to export to ONNX
        ("parts.md", "| `queue` |"),
        ("encoders.md", "SentenceTransformer("),  # use elsewhere what was trained
        ("new-objective.md", "class Spectral(Objective)"),
        ("commands.md", "## dipole train"),
        ("compare.md", "--folds"),
    ],
)
def test_two_clicks_from_the_front_page(page: str, words: str) -> None:
    first = links("index.md")
    assert page in first | {second for link in first for second in links(link)}
    assert words in (DOCS / page).read_text("utf-8")


@pytest.fixture
def doctests(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("griffe")
    spec = spec_from_file_location("doctests", ROOT / "tools" / "doctests.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "doctests", module)
    spec.loader.exec_module(module)
    return module


def test_an_example_of_a_docstring_is_a_block_of_code(doctests: ModuleType) -> None:
    text = "One.\n\nExample:\n    >>> 1 + 1\n    2\n\nArgs:\n    a: no.\n\n>>> \"x\"\n'x'"
    assert doctests.fenced(text) == (
        "One.\n\n\n**Example**\n\n\n```pycon\n>>> 1 + 1\n2\n```\n\nArgs:\n    a: no.\n\n\n"
        "```pycon\n>>> \"x\"\n'x'\n```"
    )
