"""JSON as rows: one object a line, or a file that is one array, a dictionary of columns, or objects
one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from dipole.data.lines import lines_of
from dipole.data.rows import Bad, Row, shown
from dipole.errors import InputError

_LINES = "expected one object a line"
_WHOLE = "expected one object a line, an array of objects, or an object of columns"


def read_jsonl(path: Path) -> Iterator[Row]:
    """One JSON object a line; blank lines are passed over."""
    for number, line in lines_of(path):
        if isinstance(line, Bad):
            yield number, line
        elif line and not line.isspace():
            yield number, _object(line)


def read_json(path: Path) -> Iterator[Row]:
    """A .json file: lines of objects, or a whole document, whose rows are numbered from 1.

    A document is read into memory as a whole; what is larger belongs in a .jsonl file.
    """
    if _has_objects_in_lines(path):
        yield from read_jsonl(path)
        return
    parts = []
    for number, line in lines_of(path):
        if isinstance(line, Bad):
            raise InputError(f"{path}, row {number}: {line.message}")
        parts.append(line)
    rows = chain.from_iterable(_rows(path, value) for value in _documents(path, "".join(parts)))
    for number, row in enumerate(rows, start=1):
        yield number, row if isinstance(row, dict) else _no_object(row, _WHOLE)


def _has_objects_in_lines(path: Path) -> bool:
    """Whether the first line is a whole object, and either no object of columns or not alone."""
    lines = (line for _, line in lines_of(path) if isinstance(line, Bad) or not line.isspace())
    first = next(lines, "")
    row = first if isinstance(first, Bad) else _object(first)
    if isinstance(row, Bad):
        return False
    return _columns(row) is None or next(lines, None) is not None


def _object(line: str) -> dict[str, Any] | Bad:
    try:
        row = json.loads(line, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        what = f"{error.msg} at position {min(error.pos, len(line.rstrip())) + 1}"
        hint = " (JSON over several lines is read from a file named .json)"
        return Bad(f"found broken JSON ({what}); {_LINES}" + hint * (line.strip() in ("{", "[")))
    except (ValueError, RecursionError) as error:  # a key twice, a huge number, too many brackets
        return Bad(f"found broken JSON ({error}); {_LINES}")
    return row if isinstance(row, dict) else _no_object(row, "expected a JSON object")


def _no_object(value: Any, expected: str) -> Bad:
    return Bad(f"found {shown(value)}; {expected}")


def _documents(path: Path, text: str) -> Iterator[Any]:
    """The JSON values of a text, one after the other."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    place = _skip_blanks(text, 0)
    while place < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            what = f"{error.msg} in line {error.lineno}, position {error.colno}"
            raise InputError(f"{path}: found broken JSON ({what}); {_WHOLE}") from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: found broken JSON ({error}); {_WHOLE}") from None
        yield value
        place = _skip_blanks(text, place)


def _skip_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


def _rows(path: Path, value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
        return
    columns = _columns(value) if isinstance(value, dict) else None
    if columns is not None:
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))
        return
    if isinstance(value, dict):
        tables = [name for name, part in value.items() if _is_table(part)]
        if tables:
            raise InputError(
                f"{path}: found the rows inside an object, under '{tables[0]}'; {_WHOLE}"
            )
    yield value


def _columns(value: dict[str, Any]) -> dict[str, list[Any]] | None:
    """An object whose values are columns of one length, as lists or, as pandas writes, by row."""
    parts = list(value.values())
    if parts and all(isinstance(part, dict) for part in parts):
        keys = list(parts[0])
        if any(list(part) != keys for part in parts):
            return None
        value = {name: list(part.values()) for name, part in value.items()}
        parts = list(value.values())
    if not parts or not all(isinstance(part, list) for part in parts):
        return None
    return value if len({len(part) for part in parts}) == 1 else None


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} twice in one object")
    return found
