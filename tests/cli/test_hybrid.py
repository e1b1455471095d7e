"""`dipole hybrid`: the weight is chosen, shown and kept; mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.encoders import StaticText
from dipole.retrieval import Document, Index

TEXTS = [f"word{i} common text word{i + 1}" for i in range(40)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an index and a file of queries."""
    monkeypatch.chdir(tmp_path)
    documents = [Document(str(i), text) for i, text in enumerate(TEXTS)]
    Index.create("docs.index", StaticText.from_texts(TEXTS, TEXTS, dim=16), documents)
    rows = "".join(f"word{i} text,{i}\n" for i in range(40))
    Path("asked.csv").write_text("question,doc\n" + rows)
    return tmp_path


def run(*options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["hybrid", "docs.index", "--queries", "asked.csv", *options])
    return done.exit_code, done.output + str(done.exception or "")


COLUMNS = ("--query", "question", "--id", "doc")


def test_the_weight_is_kept(here: Path) -> None:
    code, output = run(*COLUMNS, "--json")
    assert code == 0, output
    said = json.loads(output)
    assert said["kept"] is True
    assert Index.open("docs.index").weight == said["weight"]
    assert set(said["results"]) == {"semantic", "keywords", "hybrid, 0.75", "hybrid, tuned"}


def test_no_keep_leaves_the_index_alone(here: Path) -> None:
    before = Path("docs.index/index.json").read_text()
    code, output = run(*COLUMNS, "--no-keep")
    assert code == 0, output
    assert "--weight" in output
    assert Path("docs.index/index.json").read_text() == before


def test_a_column_that_is_missing(here: Path) -> None:
    code, output = run("--id", "doc")
    assert code != 0
    assert "no column 'query' (--query); columns found: question, doc" in output
