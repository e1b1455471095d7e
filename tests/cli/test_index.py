from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dipole.cli import main
from dipole.retrieval import Index

Words = runpy.run_path(str(Path(__file__).parents[1] / "retrieval" / "words.py"))["Words"]
Dipole = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dipole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Dipole:
    """Run the command line in a folder with a model; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dipole.encoders.loading.load_encoder", Words.load)
    Words().save("model")
    Words("other").save("other")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dipole", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def written(name: str, **texts: str) -> None:
    rows = ({"id": i, "text": text, "line": 7} for i, text in texts.items())
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def texts_of(folder: str) -> dict[str, str]:
    return {hit.id: hit.text for hit in Index.open(folder).search("one", k=100)}


def test_make_add_replace_delete(dipole: Dipole) -> None:
    written("docs.jsonl", a="one two", b="three")
    code, out, err = dipole("index", "model", "--corpus", "docs.jsonl", "--out", "docs.index")
    assert code == 0
    assert out.splitlines() == [
        "indexed 2 documents in docs.index",
        'search it: dipole search docs.index "what you look for"',
    ]
    assert err == "reading docs.jsonl: text 'text', id 'id'\n"
    assert Index.open("docs.index").search("three", k=1)[0].metadata == {"line": 7}

    written("more.jsonl", c="four")
    code, out, _ = dipole("index", "--out", "docs.index", "--corpus", "more.jsonl", "--add")
    assert (code, out) == (0, "added 1; documents in the index: 3\n")
    written("more.jsonl", c="five", d="six")
    code, out, _ = dipole(
        "index", "model", "--out", "docs.index", "--corpus", "more.jsonl", "--replace"
    )
    assert (code, out) == (0, "replaced 1, added 1; documents in the index: 4\n")
    Path("gone.txt").write_text("d\nno such\n\n")
    code, out, _ = dipole("index", "--out", "docs.index", "--delete", "a", "--delete", "@gone.txt")
    assert code == 0
    assert out == "deleted 2 (1 of the ids is not in it); documents in the index: 2\n"
    assert texts_of("docs.index") == {"b": "three", "c": "five"}


def test_columns_by_name_and_bad_rows_left_out(dipole: Dipole) -> None:
    Path("x.csv").write_text("key,what,text\nk1,one,x\nk2,,y\n")
    create = ("index", "model", "--corpus", "x.csv", "--out", "i", "--text", "what", "--id", "key")
    code, _, err = dipole(*create)
    assert (code, err.splitlines()[-1]) == (
        2,
        "error: x.csv, row 3: column 'what': found empty text; expected text",
    )
    assert not Path("i").exists()
    code, _, err = dipole(*create, "--on-bad-row", "skip")
    assert code == 0
    assert "left out 1 bad row; the first: x.csv, row 3: column 'what'" in err
    assert texts_of("i") == {"k1": "one"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("model --out i", "no documents given; expected --corpus FILE"),
        ("--out new --corpus docs.jsonl", "no model given; expected dipole index RUN"),
        ("model --out i --corpus docs.jsonl", "i: exists already; expected a new folder"),
        ("model --out new --corpus none.jsonl", "none.jsonl: found no data set, file or folder"),
        ("model --out new --corpus docs.jsonl --text no", "docs.jsonl: no column 'no'"),
        ("model --out new --corpus twice.jsonl", "twice.jsonl, row 2: found the id 'a' of row 1"),
        ("model --out new --corpus empty.jsonl", "empty.jsonl, row 1: column 'text': found empty"),
        ("model --out new --corpus nothing.jsonl", "nothing.jsonl: found an empty file"),
        ("model --out new --corpus docs.jsonl --on-bad-row x", "--on-bad-row x: expected error"),
        ("--out none --corpus docs.jsonl --add", "none: no such index; make one with"),
        ("--out model --corpus docs.jsonl --add", "model: not an index, it has no index.json"),
        ("--out i --corpus docs.jsonl --add", "i: has a document 'a' already; expected new ids"),
        ("other --out i --corpus docs.jsonl --add", "i: made by another model (fingerprint"),
        ("other --out i --delete a", "i: made by another model (fingerprint"),
        ("--out i --add --replace --corpus docs.jsonl", "--add and --replace: found together"),
        ("--out i --add --delete a", "--add and --delete: found together"),
        ("--out i --delete a --corpus docs.jsonl", "--delete takes ids; expected no --corpus"),
        ("--out i --delete @none", "none: No such file or directory; expected a file with one"),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(
    dipole: Dipole, arguments: str, message: str
) -> None:
    written("docs.jsonl", a="one")
    assert dipole("index", "model", "--corpus", "docs.jsonl", "--out", "i")[0] == 0
    Path("twice.jsonl").write_text('{"id": "a", "text": "one"}\n' * 2)
    written("empty.jsonl", a=" ")
    Path("nothing.jsonl").touch()
    code, out, err = dipole("index", *arguments.split())
    assert (code, out) == (2, "")
    *before, last = err.splitlines()
    assert last.startswith(f"error: {message}")
    assert all(line.startswith("reading ") for line in before)
    assert not Path("new").exists()
    assert texts_of("i") == {"a": "one"}


def test_the_texts_are_those_the_run_was_trained_to_find(dipole: Dipole) -> None:
    Words().save("run")
    Path("run/config.yaml").write_text("anchor: question\npositive: answer\n", encoding="utf-8")
    rows = [f"{i},is this the question {i},the answer {i}" for i in range(3)]
    Path("qa.csv").write_text("\n".join(["id,question,answer", *rows]) + "\n", encoding="utf-8")
    code, _, err = dipole("index", "run", "--corpus", "qa.csv", "--out", "qa.index")
    assert (code, err) == (0, "reading qa.csv: text 'answer', id 'id'\n")
    # What is added later is read alike, without the run.
    Path("more.csv").write_text("id,question,answer\n7,what,seven\n", encoding="utf-8")
    code, _, err = dipole("index", "--corpus", "more.csv", "--out", "qa.index", "--add")
    assert (code, err) == (0, "reading more.csv: text 'answer', id 'id'\n")
    code, _, err = dipole(
        "index", "run", "--corpus", "qa.csv", "--text", "question", "--out", "q.index"
    )
    assert err == "reading qa.csv: text 'question', id 'id'\n"


def test_an_index_that_cannot_be_made_is_refused_before_anything_is_read(dipole: Dipole) -> None:
    Path("file").write_text("", encoding="utf-8")
    code, _, err = dipole("index", "model", "--corpus", "nothing.csv", "--out", "file/docs.index")
    assert code == 2
    assert err == "error: --out file/docs.index: file is a file; expected a folder\n"
