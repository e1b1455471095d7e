"""Files as rows, by their endings: jsonl, json, csv, tsv, parquet, npz and tar, each numbered."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from dipole.data.arrow_rows import arrow_rows
from dipole.data.json_rows import read_json, read_jsonl
from dipole.data.rows import Row, Source
from dipole.data.shards import is_shards, shards_source
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
    if is_shards(path):
        return "tar"
    name = path.name.lower().removesuffix(".gz")
    if path.suffix.lower() in (".parquet", ".pq"):
        return "parquet"
    if path.suffix.lower() == ".npz":
        return "npz"
    return TEXT_SUFFIXES.get(Path(name).suffix)


def file_source(path: Path, columns: Sequence[str | None] = ()) -> Source:
    """The rows of a file, or of a folder of shards.

    `columns` are those a user named: numbers that are no names mean a table without a header line.
    """
    kind = file_format(path)
    if kind is None:
        ending = f"ending in '{path.suffix}'" if path.suffix else "without an ending"
        raise InputError(
            f"{path}: found a file {ending}; expected .jsonl, .json, .csv, .tsv or .txt (with "
            "tabs), each also .gz, .parquet, .npz or .tar (webdataset)"
        )
    if kind == "tar":
        return shards_source(path)
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
    if kind == "npz":
        return Source(str(path), lambda: read_npz(path), state, folders=beside)
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
            for number, row in arrow_rows(file.iter_batches(batch_size=1024), first=1):
                yield number, row
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: found no readable parquet file after row {number} ({reason}); "
            "expected a whole parquet file"
        ) from None


def read_npz(path: Path) -> Iterator[Row]:
    """The rows of a file of numpy's arrays by name: entry i of every array is row i."""
    import numpy as np

    try:
        with path.open("rb") as whole, np.load(whole, allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "allow_pickle" in reason:
            reason = "an array of Python objects: arrays of different shapes belong in a .parquet"
        raise InputError(
            f"{path}: found no readable npz file ({reason}); expected arrays of numbers or text"
        ) from None
    lengths = {name: len(array) if array.ndim else 0 for name, array in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"{path}: found arrays of different length ({found}); expected one length")
    # One number a row is a number; more are an array of the dtype they have in the file.
    plain = {n: array.tolist() if array.ndim == 1 else array for n, array in columns.items()}
    for number, values in enumerate(zip(*plain.values(), strict=True), start=1):
        yield number, dict(zip(plain, values, strict=True))
