"""Tables in memory as rows: DataFrames, lists of dicts or tuples, dicts of columns, `datasets`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dipole.data.arrow_rows import arrow_rows
from dipole.data.examples import MADE, Examples
from dipole.data.functions import called, is_function
from dipole.data.hub import chosen_parts, dataset_rows, rows_source
from dipole.data.inputs import batch_of, described
from dipole.data.retrieval import RetrievalData
from dipole.data.rows import Bad, Row, Source, shown
from dipole.data.splits import check_whole
from dipole.errors import InputError
from dipole.showing import counted

# What messages call a row: its place, from 0 on.
ROW = "index"
_GIVEN = (
    "examples (Pairs, ...), or a table: a DataFrame, a list of dicts or of tuples, a dict of "
    "columns, a datasets.Dataset"
)
Rows = Iterator[tuple[int, Any]]


class Frame(Protocol):
    """What pandas, polars and Arrow have in common."""

    @property
    def columns(self) -> Any: ...


class Named(Protocol):
    """What `datasets` has."""

    @property
    def column_names(self) -> Any: ...


# What type checkers take for a table.
Table = Sequence[Any] | Mapping[str, Any] | np.ndarray | Frame | Named


def is_table(data: Any) -> bool:
    """Whether data are values in memory, not the name of a place."""
    return data is not None and not isinstance(data, (str, Path))


def is_held(source: Any) -> bool:
    """Whether a source is in memory, or comes there by a function: no place that is looked at."""
    return is_table(source) or is_function(source)


@dataclass(frozen=True, eq=False)
class Held:
    """Values in memory under the name they were asked for by."""

    name: str
    values: Any


def in_memory(source: Any, split: str, *, quick: bool = False, whole: Sequence[str] = ()) -> Any:
    """`Examples` or `RetrievalData` as they are, `Held` for a table; None for a place to look at.

    A function of one's own (`file.py:function`) is called, with the split where it takes one.
    """
    if isinstance(source, Held):
        return source
    if not is_function(source):
        if not is_table(source):
            return None
        return source if _is_ours(source) else Held(table_name(source), source)
    found = called(source, split, quick=quick, whole=tuple(whole))
    if not is_table(found):
        raise InputError(f"{source}: gave {described(found)}; expected {_GIVEN}")
    if has_parts(found):
        raise InputError(
            f"{source}: gave a {type(found).__name__}; expected one split of it: a function of "
            "(split)"
        )
    if isinstance(found, Examples) and found.origin in ("", MADE):
        found.origin = source
    return found if _is_ours(found) else Held(source, found)


def _is_ours(values: Any) -> bool:
    return isinstance(values, (Examples, RetrievalData))


def has_parts(data: Any) -> bool:
    """Whether a table comes in splits: a DatasetDict does."""
    data = data.values if isinstance(data, Held) else data
    return _is_of(data, "datasets") and isinstance(data, Mapping)


def check_table(data: Any, what: str) -> None:
    """Raise InputError for what is no table: a number, a set, bytes."""
    if isinstance(data, (bytes, bytearray, set, frozenset)) or not isinstance(data, Iterable):
        if hasattr(data, "to_batches") or hasattr(data, "schema"):
            return  # of Arrow, and what polars has not computed yet
        raise InputError(f"{what}: found {described(data)}; expected a path, a name, {_GIVEN}")


def is_readable(data: Any) -> bool:
    """Whether data in memory are a table, of whatever kind, and no examples."""
    if not is_table(data) or _is_ours(data):
        return False
    try:
        check_table(data, "data")
    except InputError:
        return False
    return True


def table_name(data: Any) -> str:
    """What messages call a table: `DataFrame (3 columns)`, `list (20 rows)`."""
    kind = type(data).__name__
    if has_parts(data) or (_is_of(data, "polars") and not hasattr(data, "to_arrow")):
        return kind
    for names in ("column_names", "columns"):
        if (found := getattr(data, names, None)) is not None and not callable(found):
            return f"{kind} ({counted(len(found), 'column')})"
    if isinstance(data, Mapping):
        return f"{kind} ({counted(len(data), 'column')})"
    return f"{kind} ({counted(len(data), 'row')})" if hasattr(data, "__len__") else kind


def table_source(held: Held, split: str = "all", whole: Sequence[str] = ("train", "all")) -> Source:
    """The rows of a table in memory, by their columns; those of a DatasetDict of its splits.

    Raises InputError: what is no table, one without rows or with a column twice.
    """
    name, data = held.name, held.values
    if has_parts(data):
        found = rows_source(name, chosen_parts(name, data, split, tuple(whole)))
        return Source(found.name, found.rows, found.state, row=ROW, is_kept=False)
    if not is_function(name):  # which has given the split already
        check_whole(split, name, "a table", tuple(whole))
    if _is_of(data, "datasets"):
        return _source(name, lambda: dataset_rows([data]))
    if _is_of(data, "polars") and not hasattr(data, "to_arrow"):
        raise InputError(f"{name}: found a query; expected its result, as data.collect()")
    if _is_of(data, "polars") and hasattr(data, "to_arrow") and hasattr(data, "columns"):
        data = data.to_arrow()
    if _is_of(data, "pyarrow") and hasattr(data, "column_names"):
        _once(name, data.column_names)
        table = data
        return _source(
            name,
            lambda: arrow_rows(
                table.to_batches(max_chunksize=1024) if hasattr(table, "to_batches") else [table]
            ),
        )
    if isinstance(data, Mapping) or (_is_of(data, "pandas") and hasattr(data, "columns")):
        return _source(name, _columns(name, data))
    if isinstance(data, np.ndarray) and data.dtype.names:
        return _source(name, _columns(name, {key: data[key] for key in data.dtype.names}))
    check_table(data, name if is_function(name) else "data")
    return _source(name, _listed(name, batch_of(data, "data")))


def _source(name: str, rows: Callable[[], Rows]) -> Source:
    def numbered() -> Iterator[Row]:
        yield from rows()

    return Source(name, numbered, lambda: (name, ""), row=ROW, is_kept=False)


def _columns(name: str, data: Any) -> Callable[[], Rows]:
    """Rows of columns of one length; of pandas, what is missing is None."""
    is_frame = not isinstance(data, Mapping)
    names = [str(column) for column in (data.columns if is_frame else data)]
    _once(name, names)
    if not names:
        raise InputError(f"{name}: found no columns; expected at least one")
    if is_frame:
        columns: list[Sequence[Any]] = [
            _of_pandas(data.iloc[:, place]) for place in range(len(names))
        ]
    else:
        columns = [batch_of(values, f"{name}: column '{key}'") for key, values in data.items()]
    lengths = {key: len(column) for key, column in zip(names, columns, strict=True)}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise InputError(f"{name}: found columns of different length ({found})")

    def rows() -> Rows:
        for number, values in enumerate(zip(*columns, strict=True)):
            yield number, {key: plain(value) for key, value in zip(names, values, strict=True)}

    return rows


def _of_pandas(column: Any) -> list[Any]:
    values = column.tolist()
    missing = column.isna().tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def _listed(name: str, data: Sequence[Any]) -> Callable[[], Rows]:
    """Rows of a list of dicts, of tuples (columns by number), or of inputs without anything else;
    the first one says which."""
    first = data[0] if len(data) else {}
    if isinstance(first, list) and any(isinstance(value, str) for value in first):
        data = [tuple(row) if isinstance(row, list) else row for row in data]
        first = data[0]
    what, make = _form(first)
    count = len(first) if isinstance(first, tuple) else 0

    def rows() -> Rows:
        for number, row in enumerate(data):
            if _form(row)[0] == what and (not count or len(row) == count):
                yield number, make(row)
            else:
                found = f"a tuple of {len(row)}" if isinstance(row, tuple) else described(row)
                expected = f"a tuple of {count}" if count else what
                yield number, Bad(f"found {found}; expected {expected}, as the first")

    return rows


def _form(row: Any) -> tuple[str, Callable[[Any], dict[str, Any]]]:
    """What a row of a list is, and how it is read."""
    if isinstance(row, Mapping):
        return "a dict", _of_dict
    if isinstance(row, tuple) and hasattr(row, "_asdict"):
        return f"a {type(row).__name__}", lambda row: _of_dict(row._asdict())
    if isinstance(row, tuple):
        return "a tuple", lambda row: _of_dict(dict(enumerate(row, start=1)))
    if isinstance(row, str):
        return "text", lambda row: {"text": row}
    return "an array", lambda row: {"input": plain(row)}


def _of_dict(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): plain(value) for key, value in row.items()}


def plain(value: Any) -> Any:
    """A value as files have it: numpy's numbers and texts as Python's, no `pandas.NA`."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def _once(name: str, columns: Sequence[str]) -> None:
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise InputError(f"{name}: found the column {shown(twice[0])} twice; expected it once")


def _is_of(value: Any, package: str) -> bool:
    """Whether a class of the value is one of a package, which need not be installed for this."""
    return any(cls.__module__.partition(".")[0] == package for cls in type(value).__mro__)
