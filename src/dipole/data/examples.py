"""Typed examples: immutable columns over an Arrow table, which may be a memory-mapped file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from dipole.data.fields import ANY, NUMBER, NUMBERS, VALUE, VALUES, arrow, is_of_images, values_of
from dipole.data.inputs import batch_of, check_texts
from dipole.data.same import content_key, exact_key
from dipole.data.values import as_arrow, as_json
from dipole.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


# The origin of what is made of values in Python, where nothing else is said.
MADE = "python values"


@dataclass(frozen=True)
class Skipped:
    """Rows left out by `on_bad_row="skip"`: how many, and what was wrong with the first ones."""

    count: int = 0
    messages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.count > 0


class Column(Sequence[Any]):
    """One column of examples as a sequence, read where it is touched; nothing is copied."""

    def __init__(self, column: pa.ChunkedArray, rows: np.ndarray | None) -> None:
        self._column = column
        self._rows = rows
        lengths = [len(chunk) for chunk in column.chunks]
        self._starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        self._block = 64 if is_of_images(column) else 4096  # values read at once

    def __len__(self) -> int:
        return len(self._column) if self._rows is None else len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self.take(np.asarray([index]))[0]

    def __iter__(self) -> Iterator[Any]:
        if self._rows is None:
            for chunk in self._column.chunks:
                for start in range(0, len(chunk), self._block):
                    yield from values_of(chunk.slice(start, self._block))
        else:
            for start in range(0, len(self._rows), self._block):
                yield from self.take(np.arange(start, min(start + self._block, len(self._rows))))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = list(self)
        return (
            np.stack(values)
            if values and isinstance(values[0], np.ndarray)
            else np.array(values, dtype=dtype)
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Column, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(map(_same, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(value)[:60] for value in self[:3])
        return f"Column([{shown}{', ...' if len(self) > 3 else ''}], length={len(self)})"

    def take(self, indices: np.ndarray) -> list[Any]:
        """The values of these rows, in this order."""
        return self._take(indices, values_of)

    def contents(self, indices: np.ndarray | None = None) -> Iterable[Any]:
        """What tells the values of these rows (all, if None) apart: the values themselves, of
        images in files the paths."""
        if not is_of_images(self._column):
            return self if indices is None else self.take(indices)
        rows = np.arange(len(self)) if indices is None else indices
        return self._take(rows, lambda array: list(array.type.contents(array)))

    def _take(self, indices: np.ndarray, read: Callable[[Any], list[Any]]) -> list[Any]:
        indices = _checked(indices, len(self))
        if self._rows is not None:
            indices = self._rows[indices]
        if self._column.num_chunks == 1:
            return read(self._column.chunk(0).take(arrow().array(indices)))
        # Chunk by chunk: taking from the whole would first join the chunks in memory.
        chunk_of = np.searchsorted(self._starts, indices, side="right") - 1
        order = np.argsort(chunk_of, kind="stable")
        out: list[Any] = [None] * len(indices)
        for group in np.split(order, np.flatnonzero(np.diff(chunk_of[order])) + 1):
            if len(group):
                chunk = int(chunk_of[group[0]])
                local = arrow().array(indices[group] - self._starts[chunk])
                values = read(self._column.chunk(chunk).take(local))
                for place, value in zip(group, values, strict=True):
                    out[place] = value
        return out


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, list) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _checked(indices: Any, length: int) -> np.ndarray:
    indices = np.asarray(indices)
    if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
        raise InputError(
            f"indices: found an array of shape {indices.shape} and type {indices.dtype}; "
            "expected a flat list of whole numbers"
        )
    indices = indices.astype(np.int64)
    indices = np.where(indices < 0, indices + length, indices)
    if indices.size and (indices.min() < 0 or indices.max() >= length):
        raise IndexError(f"row {indices.max()} of {length} examples")
    return indices


class Examples:
    """Rows with an id and typed fields; `take` gives a batch, `select` a part, nothing is mutable.

    `origin` says in one line where the rows came from and which columns were taken, `columns` the
    latter by field ({} where the source has none, as a BEIR folder), `skipped` what
    `on_bad_row="skip"` left out. A file larger than memory has the same type: its table is a
    memory-mapped Arrow file, and rows are read where they are touched.
    """

    FIELDS: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        table: pa.Table,
        *,
        origin: str = "",
        skipped: Skipped | None = None,
        rows: np.ndarray | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self._table = table
        self._rows = rows
        self.origin = origin
        self.columns = dict(columns or {})
        self.skipped = skipped or Skipped()
        self._columns = {name: Column(table.column(name), rows) for name in table.column_names}

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, Any],
        *,
        ids: Sequence[str] | None = None,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        origin: str = MADE,
    ) -> Self:
        """Examples from lists, columns or arrays, one entry per field of the type.

        A field holds texts or arrays of numbers of any shape (of one dtype), one a row.

        >>> pairs = Pairs.from_columns({"anchor": ["a cat"], "positive": ["ein Kater"]})
        >>> pairs[0]
        {'id': '1', 'anchor': 'a cat', 'positive': 'ein Kater'}
        """
        pa = arrow()
        if set(columns) != set(cls.FIELDS):
            raise InputError(
                f"{cls.__name__}: found the fields {', '.join(columns) or 'none'}; "
                f"expected {', '.join(cls.FIELDS)}"
            )
        columns = {
            name: batch_of(values, f"{cls.__name__}: {name}") for name, values in columns.items()
        }
        lengths = {name: len(values) for name, values in columns.items()}
        count = next(iter(lengths.values()))
        if ids is None:
            ids = [str(number) for number in range(1, count + 1)]
        ids = batch_of(ids, f"{cls.__name__}: ids")
        check_texts(ids, f"{cls.__name__}: ids")
        lengths["id"] = len(ids)
        if len(set(lengths.values())) != 1:
            found = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise InputError(f"{cls.__name__}: found columns of different length ({found})")
        if len(set(ids)) != len(ids):
            raise InputError(f"{cls.__name__}: found duplicate ids; expected every id once")
        arrays = {"id": pa.array(list(ids), pa.string())}
        for name, values in columns.items():
            arrays[name] = as_arrow(values, cls.FIELDS[name], f"{cls.__name__}: {name}")
        if metadata is not None:
            arrays["metadata"] = pa.array(as_json(metadata, count, cls.__name__), pa.string())
        return cls(pa.table(arrays), origin=origin)

    def __len__(self) -> int:
        return self._table.num_rows if self._rows is None else len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: values[0] for name, values in self.take([index]).items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = ["id", *self.FIELDS]
        for values in zip(*(self._columns[name] for name in names), strict=True):
            yield dict(zip(names, values, strict=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} examples from {self.origin or 'a table'})"

    @property
    def table(self) -> pa.Table:
        """The Arrow table underneath; a `select`ed part is gathered first."""
        if self._rows is None:
            return self._table
        return self._table.take(arrow().array(self._rows))

    @property
    def ids(self) -> list[str]:
        """Every id, in order; `column("id")` is the same without holding them all."""
        return list(self._columns["id"])

    @property
    def sources(self) -> np.ndarray | None:
        """(n,) the name of the set that each row came from, of examples that were `joined`."""
        return np.array(list(self._columns["source"])) if "source" in self._columns else None

    def column(self, name: str) -> Column:
        """The field `name` (or "id") as a sequence that reads rows where they are touched."""
        if name not in self._columns:
            raise InputError(
                f"{type(self).__name__}: no field {name!r}; expected one of "
                f"{', '.join(['id', *self.FIELDS])}"
            )
        return self._columns[name]

    def take(self, indices: Sequence[int] | np.ndarray) -> dict[str, list[Any]]:
        """A batch: id and every field of the type, each a list in the order of `indices`."""
        rows = _checked(indices, len(self))
        return {name: self._columns[name].take(rows) for name in ["id", *self.FIELDS]}

    def select(self, indices: Sequence[int] | np.ndarray) -> Self:
        """The same type with these rows in this order; the table is shared, not copied."""
        rows = _checked(indices, len(self))
        return type(self)(
            self._table,
            origin=self.origin,
            skipped=self.skipped,
            rows=rows if self._rows is None else self._rows[rows],
            columns=self.columns,
        )

    def keys(self, field: str, *, exact: bool = False) -> np.ndarray:
        """(n,) uint64 content hashes of a field: the same content, the same key, in every process.

        Texts are the same up to white space and Unicode form (`data.same`), `exact` to the last
        character.
        """
        column = self.column(field)
        key = exact_key if exact else content_key
        return np.fromiter(map(key, column.contents()), np.uint64, len(column))

    def metadata(self, index: int) -> dict[str, Any]:
        """What is known of a row beyond its fields (for code: file, line, name)."""
        if "metadata" not in self._columns:
            return {}
        text = self._columns["metadata"][index]
        return dict(json.loads(text)) if text else {}


class Pairs(Examples):
    """(id, anchor, positive): two that belong together, texts or arrays."""

    FIELDS: ClassVar[dict[str, str]] = {"anchor": VALUE, "positive": VALUE}


class Triplets(Examples):
    """(id, anchor, positive, negatives): a pair with one or more that do not belong."""

    FIELDS: ClassVar[dict[str, str]] = {"anchor": VALUE, "positive": VALUE, "negatives": VALUES}

    @property
    def scores(self) -> Column | None:
        """Of mined triplets one list a row: the score of the positive, then of each negative."""
        return self._columns.get("scores")

    def with_scores(self, scores: Sequence[Sequence[float]]) -> Self:
        """The same triplets with their scores."""
        what = f"{type(self).__name__}: scores"
        column = as_arrow(batch_of(scores, what), NUMBERS, what)
        if len(column) != len(self):
            raise InputError(f"{what}: found {len(column)} for {len(self)} rows; expected as many")
        table = self.table.append_column("scores", column)
        return type(self)(table, origin=self.origin, skipped=self.skipped, columns=self.columns)


class Labeled(Examples):
    """(id, input, label): a text or an array (an image) and its class, a number or a name."""

    FIELDS: ClassVar[dict[str, str]] = {"input": ANY, "label": ANY}


class Inputs(Examples):
    """(id, input): a text or an array (an image), and nothing that belongs to it."""

    FIELDS: ClassVar[dict[str, str]] = {"input": ANY}


class Scored(Examples):
    """(id, first, second, score): two texts or arrays, and how much they belong together."""

    FIELDS: ClassVar[dict[str, str]] = {"first": VALUE, "second": VALUE, "score": NUMBER}


class Ranked(Examples):
    """(id, query, candidates, relevance): a query, candidates, and the relevance of each."""

    FIELDS: ClassVar[dict[str, str]] = {"query": VALUE, "candidates": VALUES, "relevance": NUMBERS}


class Texts(Examples):
    """(id, text): documents or queries, texts or arrays."""

    FIELDS: ClassVar[dict[str, str]] = {"text": VALUE}
