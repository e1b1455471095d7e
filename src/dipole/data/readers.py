"""Files as rows, by their endings: jsonl, json, csv, tsv and parquet; each row has its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dipole.data.json_rows import read_json, read_jsonl
from dipole.data.rows import Row, Source
from dipole.data.tables import read_header, read_table
from dipole.errors import InputError, optional

TEXT_SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "tsv",
}


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
            f"{path}: found a file {ending}; expected .jsonl, .json, .csv, .tsv or .txt (with "
            "tabs), each also .gz, or .parquet"
        )
    if path.stat().st_size == 0:
        raise InputError(f"{path}: found an empty file; expected rows")

    def state() -> tuple[str, str]:
        status = path.stat()
        return str(path.resolve()), f"{status.st_size} {status.st_mtime_ns}"

    beside = (path.parent,)
    if kind == "jsonl":
        return Source(str(path), lambda: read_jsonl(path), state, folders=beside)
    if kind == "json":
        return Source(str(path), lambda: read_json(path), state, folders=beside)
    if kind == "parquet":
        return Source(str(path), lambda: read_parquet(path), state, folders=beside)
    header = read_header(path, kind, [column for column in columns if column is not None])
    notes = []
    if not header.in_file:
        notes.append("no header line, columns by number")
    if kind == "csv" and header.delimiter != ",":
        notes.append(f"separated by {header.delimiter!r}")
    return Source(
        str(path), lambda: read_table(path, kind, header), state, notes=notes, folders=beside
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
