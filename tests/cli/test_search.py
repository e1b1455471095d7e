from __future__ import annotations

import io
import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dipole.cli import main
from dipole.cli.search import table_of
from dipole.retrieval import Document, Hit, Index

Words = runpy.run_path(str(Path(__file__).parents[1] / "retrieval" / "words.py"))["Words"]
Dipole = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of three documents, and one of none."""
    folder = tmp_path_factory.mktemp("indexes")
    documents = [
        Document("a", "one two\n\n\tthree\nfour\nfive\n", {"file": "lib/a.py", "line": 12}),
        Document("b", "three [bold]four\x1b[31m"),
        Document("c", "a knot", {"file": "c.txt"}),
    ]
    Index.create(folder / "docs", Words(), documents)
    Index.create(folder / "empty", Words(), documents[:1]).delete(["a"])
    return folder


@pytest.fixture
def dipole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Dipole:
    """Run the command line beside the indexes; exit code, output, errors."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr("dipole.encoders.loading.load_encoder", Words.load)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dipole", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_a_table_with_file_line_and_first_lines(dipole: Dipole) -> None:
    code, out, err = dipole("search", "docs", "two one", "-k", "2")
    assert (code, err) == (0, "")
    assert [line.rstrip() for line in out.splitlines()] == [
        "rank   score  document",
        "   1   0.632  a  lib/a.py:12",
        "                one two",
        "                    three",
        "                four ...",
        "   2   0.000  b",
        "                three [bold]four [31m",
    ]


def test_json_is_one_object_with_everything(dipole: Dipole) -> None:
    code, out, err = dipole("search", "docs", "knot", "-k", "1", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["query"] == "knot"
    assert found["hits"] == [
        {
            "rank": 1,
            "score": pytest.approx(1.0),
            "id": "c",
            "text": "a knot",
            "metadata": {"file": "c.txt"},
        }
    ]


def test_hybrid_and_its_weight(dipole: Dipole) -> None:
    # "bold" is a word the model does not know.
    for options in (["--hybrid"], ["--hybrid", "--weight", "0"]):
        _, out, _ = dipole("search", "docs", "bold", "-k", "1", "--json", *options)
        assert json.loads(out)["hits"][0]["id"] == "b"
    _, out, _ = dipole("search", "docs", "bold", "--json", "--hybrid", "--weight", "1")
    assert {hit["score"] for hit in json.loads(out)["hits"]} == {0.0}


def test_an_index_of_nothing(dipole: Dipole) -> None:
    assert dipole("search", "empty", "one") == (0, "the index holds no documents\n", "")
    _, out, _ = dipole("search", "empty", "one", "--json")
    assert json.loads(out)["hits"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "one"], "none: no such index; make one with: dipole index RUN --corpus FILE"),
        ([".", "one"], ".: not an index, it has no index.json"),
        (["docs", " "], "the query is empty; expected some text"),
        (["docs", "one", "-k", "0"], "-k: found 0; expected a whole number, 1 or more"),
        (["docs", "one", "--weight", "0.5"], "--weight 0.5 is for --hybrid; expected both or"),
        (
            ["docs", "one", "--hybrid", "--weight", "2"],
            "--weight: found 2.0; expected a finite number, 0 to 1",
        ),
    ],
)
def test_mistakes_are_one_line(dipole: Dipole, arguments: list[str], message: str) -> None:
    code, out, err = dipole("search", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert len(err.splitlines()) == 1


def test_a_query_of_unknown_words_is_said(dipole: Dipole) -> None:
    code, out, err = dipole("search", "docs", "zzz")
    assert (code, out.count("\n") > 1) == (0, True)
    assert err == "note: the model knows no word of the query 'zzz': its ranking means nothing\n"


def test_long_ids_and_lines_do_not_break_the_table() -> None:
    from rich.console import Console

    out = io.StringIO()
    hit = Hit(1, -0.5, "x" * 99, "y" * 99, {"file": "z" * 99, "line": 17})
    Console(width=40, file=out).print(table_of([hit]))
    lines = out.getvalue().splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert lines[1].startswith("   1  -0.500  xxx")
    # The text is cut, the id and the place are not.
    assert sum(line.count("x") for line in lines) == sum(line.count("z") for line in lines) == 99
    assert any(line.rstrip().endswith(":17") for line in lines)
    assert lines[-1].rstrip().endswith("y…")
