"""Shards of webdataset: tar files in which the files of one name are one row."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from dipole.data.image_files import LARGEST, SUFFIXES
from dipole.data.rows import Bad, Row, Source
from dipole.errors import InputError

ENDINGS = (".tar", ".tar.gz", ".tgz")
# The column that a plain ending stands for; any other is the name of its column.
COLUMNS = {"txt": "text", "cls": "label"} | {suffix[1:]: "image" for suffix in SUFFIXES}
_TEXTS = ("txt", "text", "caption", "transcript", "transcripts")
_NUMBERS = ("cls", "cls2", "index", "inx", "id", "count")


def is_shards(path: Path) -> bool:
    """Whether a path is a tar file, or a folder of nothing but tar files."""
    if not path.is_dir():
        return path.name.lower().endswith(ENDINGS)
    names = (entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    first = next(names, "").lower()
    return first.endswith(ENDINGS) and all(name.lower().endswith(ENDINGS) for name in names)


def shards_source(path: Path) -> Source:
    """The rows of a shard, or of a folder's shards in the order of their names.

    A row is a run of files whose names are equal up to the first dot. What follows it says what a
    file holds: `jpg`, `png`, ... an `image`; `txt` the `text`; `cls` the `label`, a number; `json`
    columns of its own, or one column `json` if it is no object; `npy` an array. Of two images in a
    row the column is what stands before the ending: `left.jpg` is `left`.
    """
    files = [path]
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))

    def state() -> tuple[str, str]:
        stats = [(file.name, file.stat()) for file in files]
        return str(path.resolve()), str([(n, s.st_size, s.st_mtime_ns) for n, s in stats])

    def rows() -> Iterator[Row]:
        number = 0
        for file in files:
            for row in _read(file):
                number += 1
                yield number, row

    return Source(str(path), rows, state, notes=[f"{len(files):,} shards"] if path.is_dir() else [])


def _read(file: Path) -> Iterator[dict[str, Any] | Bad]:
    """The rows of one shard, read from its beginning to its end."""
    key: tuple[str, str] | None = None
    found: dict[str, bytes | None] = {}
    try:
        with tarfile.open(file, "r|*") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                base, dot, ending = name.partition(".")
                if not member.isfile() or not base or not dot:
                    continue  # a folder, a hidden file, one that no row can have
                if key != (folder, base) and found:
                    yield _row(found)
                    found = {}
                key = (folder, base)
                stream = archive.extractfile(member)
                is_whole = stream is not None and member.size <= LARGEST
                found[ending.lower()] = stream.read() if stream and is_whole else None
    except (tarfile.TarError, OSError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{file}: found no readable tar file ({reason}); expected a shard of "
                         "webdataset") from None  # fmt: skip
    if found:
        yield _row(found)


def _row(files: dict[str, bytes | None]) -> dict[str, Any] | Bad:
    row: dict[str, Any] = {}
    for ending, data in files.items():
        before, _, last = ending.rpartition(".")
        if data is None:
            return Bad(f"'{ending}': found more than {LARGEST:,} bytes; expected a file of less")
        try:
            value = _READ.get(last, _image if f".{last}" in SUFFIXES else _bytes)(data)
        except (ValueError, EOFError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            return Bad(f"'{ending}': found no {last} in it ({reason}); expected one")
        if last == "json" and isinstance(value, dict) and not before:
            row |= {name: field for name, field in value.items() if name not in row}
        else:
            row[before or COLUMNS.get(last, last)] = value
    return row


def _text(data: bytes) -> str:
    return data.decode("utf-8").strip()


def _image(data: bytes) -> dict[str, Any]:
    return {"bytes": data, "path": None}


def _bytes(data: bytes) -> bytes:
    return data


def _array(data: bytes) -> Any:
    import numpy as np

    return np.load(BytesIO(data), allow_pickle=False)


_READ: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_NUMBERS, lambda data: int(data.decode("utf-8"))),
    "json": json.loads,
    "npy": _array,
}
