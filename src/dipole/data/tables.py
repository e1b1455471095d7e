"""csv and tsv files as rows: records, and the header line, found or refused, never guessed."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dipole.data.lines import lines_of
from dipole.data.names import is_known
from dipole.data.rows import LONGEST_TEXT, Bad, Row
from dipole.errors import InputError

# One record of a table: the line it starts in and its fields.
Record = tuple[int, list[str] | Bad]

# So many records below the first are looked at to tell a header line from a row.
_BELOW = 200
_LONG_NAME = 80
_SENTENCE = re.compile(r"\S+(\s+\S+){4,}|\S+\s.*[.!?]|.*[\u3002\uff01\uff1f]", re.DOTALL)


def csv_records(path: Path, delimiter: str = ",") -> Iterator[Record]:
    """Records of a csv file (RFC 4180: a field in quotation marks may hold line breaks)."""
    bad: dict[int, Bad] = {}

    def text_lines() -> Iterator[str]:
        for number, line in lines_of(path):
            if isinstance(line, Bad):
                bad[number] = line
                line = "\n"
            yield line

    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_TEXT))
    reader = csv.reader(text_lines(), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields: list[str] | Bad | None = next(reader, None)
        except csv.Error as error:
            fields = _problem(path, str(error), start, reader.line_num)
        if fields is None:
            return
        encoding = [bad.pop(line) for line in list(bad) if line <= reader.line_num]
        if encoding:
            yield start, encoding[0]
        elif fields:  # blank lines are passed over
            yield start, fields


def _problem(path: Path, error: str, start: int, end: int) -> Bad:
    if "field larger" in error:
        found = f"found a field of more than {csv.field_size_limit():,} characters"
        if end > start:  # what follows is its inside, which may look like rows
            raise InputError(
                f"{path}, row {start}: {found} (rows {start} to {end}); expected shorter texts, "
                "and every quotation mark closed"
            )
        return Bad(f"{found}; expected shorter texts")
    if "unexpected end" in error:
        what = f"a quotation mark that is not closed (rows {start} to {end})"
    elif "new-line character" in error:
        what = "a carriage return inside a field without quotation marks"
    else:
        what = f"a broken line ({error})"
    return Bad(f"found {what}; expected quoted fields as in RFC 4180")


def tsv_records(path: Path, delimiter: str = "\t") -> Iterator[Record]:
    """Records of a tsv file, one a line; quotation marks around a whole field are taken off."""
    for number, line in lines_of(path):
        if isinstance(line, Bad):
            yield number, line
        elif line and not line.isspace():
            yield number, [_unquoted(field) for field in line.rstrip("\r\n").split(delimiter)]


def _unquoted(field: str) -> str:
    """A field without the quotation marks that spreadsheets put around it."""
    if len(field) < 2 or field[0] != '"' or field[-1] != '"':
        return field
    inside = field[1:-1].replace('""', "\0")
    return field if '"' in inside else inside.replace("\0", '"')


@dataclass(frozen=True)
class Header:
    """The column names of a table and how they were found."""

    names: list[str]
    in_file: bool
    delimiter: str


def read_header(path: Path, kind: str, columns: Sequence[str]) -> Header:
    """The header line of a csv or tsv file, or numbers for names if `columns` are such numbers.

    A first line that looks like the rows below it is refused: it would be lost as a header.
    """
    for column in columns:
        if not isinstance(column, str):
            raise InputError(f"{path}: found the column {column!r}; expected its name, as text")
    delimiter = "," if kind == "csv" else "\t"
    records = csv_records if kind == "csv" else tsv_records
    _, first = next(records(path, delimiter), (0, []))
    if kind == "csv" and not isinstance(first, Bad) and len(first) == 1:
        # One column is of no use: spreadsheets of many countries separate by semicolons.
        for other in ";\t":
            if other in first[0]:
                delimiter = other
                _, first = next(records(path, delimiter), (0, []))
                break
    if isinstance(first, Bad):
        raise InputError(f"{path}, row 1: {first.message}")
    if not first:
        raise InputError(f"{path}: found no rows; expected a header line and rows")
    if columns and all(column.isdecimal() and column not in first for column in columns):
        if len(first) > 1 and all(is_known(name) and name for name in first):
            raise InputError(
                f"{path}: found the columns {', '.join(columns)} by number, and a header line: "
                f"{', '.join(first)}; expected its names"
            )
        return Header([str(number + 1) for number in range(len(first))], False, delimiter)
    if not any(column in first for column in columns):
        below = islice(records(path, delimiter), 1, 1 + _BELOW)
        reason = _like_a_row(first, [fields for _, fields in below if not isinstance(fields, Bad)])
        if reason:
            raise InputError(
                f"{path}, row 1: found {reason}, no header line; expected one with the names of "
                "the columns (or columns by number, as --anchor 1 --positive 2, to read a file "
                "without one; or a column by its name here, if this is the header line)"
            )
    twice = [name for name, count in Counter(first).items() if count > 1]
    if twice:
        raise InputError(
            f"{path}, row 1: found the column '{twice[0]}' twice; expected a header line with "
            "different names (for a file without one, give columns by number: 1, 2, ...)"
        )
    return Header(first, True, delimiter)


def _like_a_row(first: Sequence[str], below: Sequence[Sequence[str]]) -> str:
    """What makes the first record look like those below it, in words; "" where nothing does."""
    if any(is_known(name) for name in first):
        return ""
    rows = [fields for fields in below if len(fields) == len(first)]
    for place, name in enumerate(first):
        column = [fields[place] for fields in rows]
        if len(name) > _LONG_NAME or _SENTENCE.fullmatch(name.strip()):
            return f"a sentence, {name[:40]!r}"
        if column and not any(_has_letters(cell) for cell in (name or "x", *column)):
            return f"{name!r} over a column of numbers"
        if name and name in column:
            return f"{name!r}, which stands below it again"
    return ""


def _has_letters(text: str) -> bool:
    return any(map(str.isalpha, text))


def read_table(path: Path, kind: str, header: Header) -> Iterator[Row]:
    """The rows of a csv or tsv file as dictionaries."""
    records = (csv_records if kind == "csv" else tsv_records)(path, header.delimiter)
    if header.in_file:
        next(records, None)
    names = header.names
    for number, fields in records:
        if isinstance(fields, Bad):
            yield number, fields
        elif header.in_file and fields == names:
            yield number, Bad("found the header line again; expected a row")
        elif len(fields) == len(names):
            yield number, dict(zip(names, fields, strict=True))
        else:
            yield (
                number,
                Bad(f"found {len(fields)} fields; expected {len(names)} ({', '.join(names)})"),
            )
