"""Files as rows: jsonl, csv, tsv and parquet, read as a stream, each row with its number."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dipole.data.rows import Bad, Row, Source, shown
from dipole.errors import InputError, optional

TEXT_SUFFIXES = {
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "tsv",
}
# A longer field is a quotation mark that nobody closed.
_LONGEST_FIELD = 2**24


def file_format(path: Path) -> str | None:
    """The format that a file's name promises, or None."""
    name = path.name.lower().removesuffix(".gz")
    if path.suffix.lower() in (".parquet", ".pq"):
        return "parquet"
    return TEXT_SUFFIXES.get(Path(name).suffix)


def file_source(path: Path, columns: Sequence[str | None] = ()) -> Source:
    """The rows of a file.

    `columns` are those a user named: numbers that are no names mean a table without a header line.
    """
    kind = file_format(path)
    if kind is None:
        ending = f"ending in '{path.suffix}'" if path.suffix else "without an ending"
        raise InputError(
            f"{path}: found a file {ending}; expected .jsonl, .csv, .tsv or .txt (with tabs), "
            "each also .gz, or .parquet"
        )
    if path.stat().st_size == 0:
        raise InputError(f"{path}: found an empty file; expected rows")

    def state() -> tuple[str, str]:
        status = path.stat()
        return str(path.resolve()), f"{status.st_size} {status.st_mtime_ns}"

    if kind == "jsonl":
        return Source(str(path), lambda: read_jsonl(path), state, same_columns=False)
    if kind == "parquet":
        return Source(str(path), lambda: read_parquet(path), state)
    header = read_header(path, kind, [column for column in columns if column is not None])
    notes = []
    if not header.in_file:
        notes.append("no header line, columns by number")
    if kind == "csv" and header.delimiter != ",":
        notes.append(f"separated by {header.delimiter!r}")
    return Source(str(path), lambda: read_table(path, kind, header), state, notes=notes)


def lines_of(path: Path) -> Iterator[tuple[int, str | Bad]]:
    """The lines of a UTF-8 text file (or gzip of one) with their numbers, ends of line kept."""
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                if number == 1:
                    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                        raise InputError(f"{path}: found UTF-16; expected UTF-8 (save it as UTF-8)")
                    line = line.removeprefix(b"\xef\xbb\xbf")
                try:
                    yield number, line.decode("utf-8")
                except UnicodeDecodeError as error:
                    byte = line[error.start]
                    yield (
                        number,
                        Bad(
                            f"found the byte 0x{byte:02x} at position {error.start + 1}; "
                            "expected UTF-8 (save the file as UTF-8)"
                        ),
                    )
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputError(
            f"{path}: found damaged gzip data after row {number}; expected a whole .gz file"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _opened(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    return open(path, "rb")


def read_jsonl(path: Path) -> Iterator[Row]:
    """One JSON object a line; blank lines are passed over."""
    for number, line in lines_of(path):
        if isinstance(line, Bad):
            yield number, line
        elif line and not line.isspace():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                what = f"{error.msg} at position {min(error.pos, len(line.rstrip())) + 1}"
                yield number, Bad(f"found broken JSON ({what}); expected one object a line")
                continue
            except (ValueError, RecursionError) as error:  # a huge number, too many brackets
                yield number, Bad(f"found broken JSON ({error}); expected one object a line")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                yield number, Bad(f"found {shown(row)}; expected a JSON object")


# One record of a table: the line it starts in and its fields.
Record = tuple[int, list[str] | Bad]


def _csv_records(path: Path, delimiter: str = ",") -> Iterator[Record]:
    """Records of a csv file (RFC 4180: a field in quotation marks may hold line breaks)."""
    bad: dict[int, Bad] = {}

    def text_lines() -> Iterator[str]:
        for number, line in lines_of(path):
            if isinstance(line, Bad):
                bad[number] = line
                line = "\n"
            yield line

    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    reader = csv.reader(text_lines(), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields: list[str] | Bad | None = next(reader, None)
        except csv.Error as error:
            if "field larger" in str(error) or "unexpected end" in str(error):
                what = f"a quotation mark that is not closed (rows {start} to {reader.line_num})"
            else:
                what = f"a broken line ({error})"
            fields = Bad(f"found {what}; expected quoted fields as in RFC 4180")
        if fields is None:
            return
        encoding = [bad.pop(line) for line in list(bad) if line <= reader.line_num]
        if encoding:
            yield start, encoding[0]
        elif fields:  # blank lines are passed over
            yield start, fields


def _tsv_records(path: Path, delimiter: str = "\t") -> Iterator[Record]:
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
    """The header line of a csv or tsv file, or numbers for names if `columns` are such numbers."""
    delimiter = "," if kind == "csv" else "\t"
    records = _csv_records if kind == "csv" else _tsv_records
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
        return Header([str(number + 1) for number in range(len(first))], False, delimiter)
    twice = [name for name, count in Counter(first).items() if count > 1]
    if twice:
        raise InputError(
            f"{path}, row 1: found the column '{twice[0]}' twice; expected a header line with "
            "different names (for a file without one, give columns by number: 1, 2, ...)"
        )
    return Header(first, True, delimiter)


def read_table(path: Path, kind: str, header: Header) -> Iterator[Row]:
    """The rows of a csv or tsv file as dictionaries."""
    records = (_csv_records if kind == "csv" else _tsv_records)(path, header.delimiter)
    if header.in_file:
        next(records, None)
    names = header.names
    for number, fields in records:
        if isinstance(fields, Bad):
            yield number, fields
        elif len(fields) == len(names):
            yield number, dict(zip(names, fields, strict=True))
        else:
            yield (
                number,
                Bad(f"found {len(fields)} fields; expected {len(names)} ({', '.join(names)})"),
            )


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of a parquet file, one row group's batch at a time."""
    pa = optional("pyarrow", "text")
    parquet = optional("pyarrow.parquet", "text")
    number = 0
    try:
        with parquet.ParquetFile(path, memory_map=True) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: found no readable parquet file after row {number} ({reason}); "
            "expected a whole parquet file"
        ) from None
