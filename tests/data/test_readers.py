from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dipole.data.readers import file_source
from dipole.data.rows import Bad
from dipole.errors import InputError

Write = Callable[..., Path]

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
tables = st.lists(st.tuples(cells, cells).filter(any), min_size=1, max_size=6)
anew = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


def rows(path: Path, *columns: str) -> list[dict[str, str]]:
    return [row for _, row in file_source(path, columns).rows()]  # type: ignore[misc]


@anew
@given(tables)
def test_csv_reads_what_the_csv_module_wrote(tmp_path: Path, table: list[tuple[str, str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([("question", "answer"), *table])
    path = tmp_path / "x.csv"
    path.write_bytes(text.getvalue().encode())
    assert [tuple(row.values()) for row in rows(path)] == table


@anew
@given(st.lists(st.dictionaries(cells, st.none() | st.integers() | cells), min_size=1, max_size=6))
def test_jsonl_reads_what_the_json_module_wrote(tmp_path: Path, table: list[dict]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in table))
    assert rows(path) == table


@anew
@given(tables)
def test_parquet_reads_what_arrow_wrote(tmp_path: Path, table: list[tuple[str, str]]) -> None:
    path = tmp_path / "x.parquet"
    columns = dict(zip("ab", map(list, zip(*table, strict=True)), strict=True))
    pq.write_table(pa.table(columns), path, row_group_size=2)
    assert [tuple(row.values()) for row in rows(path)] == table
    assert [number for number, _ in file_source(path).rows()] == list(range(1, len(table) + 1))


@pytest.mark.parametrize(
    ("line", "cell"),
    [
        ("he said", "he said"),
        ('"he said"', "he said"),  # a spreadsheet's quotation marks
        ('"he said ""hi"""', 'he said "hi"'),
        ('"Hi" he said', '"Hi" he said'),  # part of the text
        ('"A" and "B"', '"A" and "B"'),
        ('"', '"'),
        ('5" screen', '5" screen'),
    ],
)
def test_quotation_marks_in_tsv(write: Write, line: str, cell: str) -> None:
    assert rows(write("x.tsv", f"a\tb\nx\t{line}\n")) == [{"a": "x", "b": cell}]


def test_rows_are_numbered_by_the_line_they_start_in(write: Write) -> None:
    path = write("x.csv", 'a,b\n\n"two\nlines",x\n\nlast,y\n')
    assert [number for number, _ in file_source(path).rows()] == [3, 6]
    path = write("x.jsonl", '{"a": 1}\n\n{"a": 2}\n')
    assert [number for number, _ in file_source(path).rows()] == [1, 3]


@pytest.mark.parametrize("name", ["x.csv.gz", "x.tsv.gz", "x.jsonl.gz"])
def test_gzip(write: Write, name: str) -> None:
    text = {"csv": "a,b\n1,2\n", "tsv": "a\tb\n1\t2\n", "jsonl": '{"a": "1", "b": "2"}\n'}
    path = write(name, gzip.compress(text[name.split(".")[1]].encode()))
    assert rows(path) == [{"a": "1", "b": "2"}]
    first, *rest = text[name.split(".")[1]].encode().splitlines(keepends=True)
    whole = gzip.compress(first + (b"".join(rest) or first) * 500)
    with pytest.raises(InputError, match=r"found damaged gzip data after row \d+"):
        rows(write(name, whole[:-12]))


def test_a_mark_of_byte_order_is_no_text_and_utf16_is_named(write: Write) -> None:
    assert rows(write("x.csv", "a,b\n1,2\n".encode("utf-8-sig"))) == [{"a": "1", "b": "2"}]
    with pytest.raises(InputError, match=r"x\.csv: found UTF-16; expected UTF-8"):
        rows(write("x.csv", "a,b\n1,2\n".encode("utf-16")))


def test_semicolons_are_found_and_noted(write: Write) -> None:
    source = file_source(write("x.csv", 'a;b\n"1;5";2\n'))
    assert [row for _, row in source.rows()] == [{"a": "1;5", "b": "2"}]
    assert source.notes == ["separated by ';'"]


def test_columns_by_number_mean_no_header_line(write: Write) -> None:
    path = write("x.csv", "hello,there\nbye,you\n")
    assert rows(path, "2", "1") == [{"1": "hello", "2": "there"}, {"1": "bye", "2": "you"}]
    # A header that has such names is a header.
    path = write("y.csv", "1,2\nx,y\n")
    assert rows(path, "2", "1") == [{"1": "x", "2": "y"}]


@pytest.mark.parametrize(
    ("name", "content", "number", "message"),
    [
        ("x.csv", b"a,b\nx,y\ncaf\xe9,z\n", 3, "found the byte 0xe9 at position 4; expected UTF-8"),
        ("x.csv", b'a,b\n"x\ncaf\xe9",z\n', 2, "found the byte 0xe9"),
        ("x.csv", b"a,b\n1,2,3\n", 2, r"found 3 fields; expected 2 \(a, b\)"),
        ("x.csv", b'a,b\n"x"y,z\n', 2, "found a broken line"),
        ("x.csv", b"a,b\nx\ry,z\n", 2, "found a carriage return inside a field"),
        ("x.csv", b'a,b\n"x,z\nf,g\n', 2, r"mark that is not closed \(rows 2 to 3\)"),
        ("x.tsv", b"a\tb\nx\n", 2, "found 1 fields; expected 2"),
        ("x.tsv", b"a\tb\nx\t\xff\n", 2, "found the byte 0xff at position 3"),
        ("x.csv", b"a,b\nx,y\0\n", 2, "found a NUL byte at position 4"),
        ("x.tsv", b"a\tb\nx\ty\0\n", 2, "found a NUL byte at position 4"),
        ("x.csv", b"query,b\nx,y\nquery,b\n", 3, "found the header line again"),
        ("x.jsonl", b'{"a": 1, "b": 2, "a": 3}\n', 1, "the key 'a' twice in one object"),
        ("x.jsonl", b'{"a": {"b": 1, "b": 2}}\n', 1, "the key 'b' twice in one object"),
        ("x.json", b'[{"a": 1}, 2]', 2, "found 2; expected one object a line, an array of"),
        ("x.jsonl", b'{"a": 1}\n{"a":\n', 2, "found broken JSON .* at position 6"),
        ("x.jsonl", b"[1, 2]\n", 1, "found a list of 2; expected a JSON object"),
        ("x.jsonl", b'{"a": "\xff"}\n', 1, "found the byte 0xff at position 8"),
        ("x.jsonl", b"[" * 100_000 + b"\n", 1, "found broken JSON"),
    ],
)
def test_a_bad_line_is_one_bad_row(
    write: Write, name: str, content: bytes, number: int, message: str
) -> None:
    found = list(file_source(write(name, content)).rows())
    bad = [(where, row.message) for where, row in found if isinstance(row, Bad)]
    assert len(bad) == 1
    assert bad[0][0] == number
    assert re.search(message, bad[0][1])


def test_reading_goes_on_behind_a_bad_row(write: Write) -> None:
    path = write("x.csv", b'a,b\n"x"y,z\n\xff,1\n1\ngood,row\n')
    assert [row for _, row in file_source(path).rows() if not isinstance(row, Bad)] == [
        {"a": "good", "b": "row"}
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "", r"x\.csv: found an empty file; expected rows"),
        ("x.docx", "a", r"found a file ending in '\.docx'; expected \.jsonl"),
        ("x", "a", r"found a file without an ending; expected \.jsonl"),
        ("x.csv", "a,a\n1,2\n", "row 1: found the column 'a' twice"),
        ("x.csv", b"\xff,b\n1,2\n", "row 1: found the byte 0xff"),
        ("x.csv", "\n\n", "found no rows"),
        ("x.parquet", "no parquet", "found no readable parquet file after row 0"),
    ],
)
def test_files_that_cannot_be_read(write: Write, name: str, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        rows(write(name, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": "x", "b": "y"}, {"a": "z", "b": "w"}]',
        '[\n {\n  "a": "x",\n  "b": "y"\n },\n {"a": "z", "b": "w"}\n]\n',
        '{"a": "x", "b": "y"}\n{"a": "z", "b": "w"}\n',
        '{\n "a": "x",\n "b": "y"\n}\n{\n "a": "z",\n "b": "w"\n}\n',
        '{"a": ["x", "z"], "b": ["y", "w"]}',
        '{\n "a": ["x", "z"],\n "b": ["y", "w"]\n}',
        '{"a": {"0": "x", "1": "z"}, "b": {"0": "y", "1": "w"}}',
    ],
)
def test_json_as_lines_array_objects_and_columns(write: Write, text: str) -> None:
    expected = [{"a": "x", "b": "y"}, {"a": "z", "b": "w"}]
    assert rows(write("x.json", text)) == expected
    assert rows(write("x.json.gz", gzip.compress(text.encode()))) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},', r"x\.json: found broken JSON \(Expecting value in line 1, position 11\)"),
        ('{"version": 1,\n"data": [{"a": 1}]}', "found the rows inside an object, under 'data'"),
        ('[{"a": 1,\n"a": 2}]', "found broken JSON .the key 'a' twice in one object"),
    ],
)
def test_json_that_holds_no_rows(write: Write, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rows(write("x.json", text))


def test_an_array_in_a_jsonl_file_is_told_where_it_belongs(write: Write) -> None:
    found = list(file_source(write("x.jsonl", '[\n{"a": 1},\n{"a": 2}\n]\n')).rows())
    assert "JSON over several lines is read from a file named .json" in found[0][1].message  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("How do I pay?,By card.\nWhere?,In Ghent.\n", "a sentence, 'How do I pay?'"),
        ("the cat sat on the mat,die Katze\nx,y\n", "a sentence"),
        ("2.5,a man sings,x\n1,a dog,y\n", "'2.5' over a column of numbers"),
        ("cat,it purrs\ndog,it barks\ncat,it meows\n", "'cat', which stands below it again"),
    ],
)
def test_a_table_without_a_header_line_loses_no_row(write: Write, text: str, found: str) -> None:
    path = write("x.csv", text)
    with pytest.raises(
        InputError, match=r"row 1: found .*no header line; .* --positive 2"
    ) as caught:
        rows(path)
    assert found in str(caught.value)
    assert len(rows(path, "1", "2")) == text.count("\n")
    # A column named as it stands there says that this is the header line.
    assert len(rows(path, text.split(",")[0])) == text.count("\n") - 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1 0 184 1\n1 0 29 1\n", "'1 0 184 1' over a column of numbers"),
        ("A plane.,A plane.,5\nA man.,A dog.,1\n", "a sentence, 'A plane.'"),
    ],
)
def test_judgements_and_repeated_sentences_are_no_header(
    write: Write, text: str, found: str
) -> None:
    with pytest.raises(InputError, match=f"row 1: found {found}, no header line"):
        rows(write("x.csv", text))


@pytest.mark.parametrize(
    "header",
    ["question,answer", "q,d", "id,2019,2020", "First name,Last name", ",anchor,positive", "1,2"],
)
def test_a_header_line_is_one(write: Write, header: str) -> None:
    below = ",".join("abc"[: header.count(",") + 1])
    assert len(rows(write("x.csv", f"{header}\n{below}\n"))) == 1


def test_numbers_for_columns_that_have_names_are_refused(write: Write) -> None:
    path = write("x.csv", "question,answer\na,b\n")
    with pytest.raises(InputError, match="and a header line: question, answer; expected its names"):
        rows(path, "1", "2")


def test_sizes_are_bounded_and_said_as_such(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = csv.field_size_limit()
    monkeypatch.setattr("dipole.data.tables.LONGEST_TEXT", 10)
    try:
        csv.field_size_limit(10)
        path = write("x.csv", f"a,b\n{'x' * 11},y\nz,w\n")
        bad, good = (row for _, row in file_source(path).rows())
        assert bad == Bad("found a field of more than 10 characters; expected shorter texts")
        assert good == {"a": "z", "b": "w"}
        # Behind the field that is too long come its other lines, which are no rows.
        path = write("y.csv", f'a,b\n"p\n{"x" * 11}\nq,r",y\n')
        with pytest.raises(InputError, match=r"row 2: found a field of more .* \(rows 2 to 3\)"):
            rows(path)
    finally:
        csv.field_size_limit(limit)
    monkeypatch.setattr("dipole.data.lines.LONGEST_LINE", 20)
    with pytest.raises(InputError, match="row 2: found a line of more than 20 bytes"):
        rows(write("x.jsonl", [{"a": "b"}, {"a": "x" * 30}]))
