from __future__ import annotations

import datetime
import json
import shutil
import sysconfig
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dipole.errors import InputError
from dipole.retrieval import Document, read_corpus


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_table_of_any_columns(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("docid,author,body,page\n7,Ann,tie a knot,12\n8,,reef a sail,\n")
    corpus = read_corpus(path)
    assert len(corpus) == 2
    assert list(corpus) == [
        Document("7", "tie a knot", {"author": "Ann", "page": "12"}),
        Document("8", "reef a sail"),
    ]
    assert list(corpus) == list(corpus)  # every pass begins anew
    assert "text 'body', id 'docid'" in corpus.origin


def test_named_columns_and_row_numbers_as_ids(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", {"text": "one", "body": "two"})
    assert list(read_corpus(path, text="body")) == [Document("1", "two", {"text": "one"})]
    assert list(read_corpus(path, text="body", id="text")) == [Document("one", "two")]


def test_the_only_column_with_text_where_no_name_says_it(tmp_path: Path) -> None:
    row = {"number": "12", "id": "a", "what": "a knot", "url": "x"}
    path = written(tmp_path / "x.jsonl", row)
    assert list(read_corpus(path)) == [Document("a", "a knot", {"number": "12", "url": "x"})]
    with pytest.raises(InputError, match=r"found 2 text columns \(what, more\).*name it: --text"):
        read_corpus(written(tmp_path / "y.jsonl", {**row, "more": "y"}))


def test_ids_are_never_embedded(tmp_path: Path) -> None:
    rows = [{"pid": f"k{i}", "sku_id": f"s{i}", "title": f"T{i}", "body": f"b {i}"} for i in (1, 2)]
    corpus = read_corpus(written(tmp_path / "x.jsonl", *rows))
    first = Document("k1", "T1 b 1", {"sku_id": "s1", "title": "T1"})
    assert next(iter(corpus)) == first
    assert corpus.origin.endswith("text 'body' after title, id 'pid'")
    # What is added to an index later is found in the same way, title and all.
    assert corpus.columns == {"id": "pid"}


def test_beir_needs_no_queries_and_no_judgements(tmp_path: Path) -> None:
    written(
        tmp_path / "corpus.jsonl",
        {"_id": "a", "title": "Knots", "text": "tie one", "metadata": {"url": "u"}},
        {"_id": "b", "title": "", "text": "sail", "metadata": {}},
    )
    assert list(read_corpus(tmp_path)) == [
        Document("a", "Knots tie one", {"url": "u", "title": "Knots"}),
        Document("b", "sail"),
    ]


def test_parquet_with_dates_and_missing_numbers(tmp_path: Path) -> None:
    day = datetime.date(2026, 11, 22)
    table = {"id": [1, 2], "text": ["a b", "c d"], "day": [day, None], "x": [0.5, float("nan")]}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    assert list(read_corpus(tmp_path / "x.parquet")) == [
        Document("1", "a b", {"day": "2026-11-22", "x": 0.5}),
        Document("2", "c d"),
    ]


def test_stdlib_code_is_the_code_of_all_splits_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small part of the library: reading all of it takes seconds.
    for name in ("textwrap", "shlex", "bisect"):
        shutil.copy(f"{sysconfig.get_paths()['stdlib']}/{name}.py", tmp_path)
    monkeypatch.setattr("dipole.data.stdlib_code.library_folder", lambda: tmp_path)
    by_id = {d.id: d for d in read_corpus("stdlib-code")}
    assert {i.split(".")[0] for i in by_id} == {"textwrap", "shlex", "bisect"}
    found = by_id["textwrap.dedent"]
    assert found.text.startswith("def dedent(")
    assert found.metadata["file"] == "textwrap.py"
    lines = Path(found.metadata["path"]).read_text(encoding="utf-8").splitlines()
    assert lines[found.metadata["line"] - 1].startswith("def dedent(")


@pytest.mark.parametrize(
    ("rows", "text", "id", "message"),
    [
        ([{"text": "a"}], "body", None, r"x.jsonl: no column 'body' \(--text\)"),
        ([{"n": 1}], None, None, "no text column among n"),
        ([{"text": "a"}, {"text": " "}], None, None, r"row 2: column 'text': found empty text"),
        ([{"id": 1, "text": "a"}] * 2, None, None, r"row 2: found the id '1' of row 1 again"),
        ([{"id": "", "text": "a"}], None, None, r"row 1: column 'id': found ''; expected an id"),
    ],
)
def test_bad_rows_are_named(
    tmp_path: Path, rows: list[object], text: str | None, id: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_corpus(written(tmp_path / "x.jsonl", *rows), text, id)


def test_a_missing_column_of_a_table_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,text\n1,a\n")
    with pytest.raises(InputError, match=r"no column 'nr' \(--id\); columns found: id, text"):
        read_corpus(tmp_path / "x.csv", id="nr")
    with pytest.raises(InputError, match="stdlib-code: no file; --text and --id name"):
        read_corpus("stdlib-code", text="positive")


def test_bad_rows_can_be_skipped(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", {"text": "a"}, {"text": ""}, {"text": "b"})
    corpus = read_corpus(path, on_bad_row="skip")
    assert [d.id for d in corpus] == ["1", "3"]
    assert corpus.skipped.count == 1
