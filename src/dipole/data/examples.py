"""Typed examples: immutable columns over an Arrow table, which may be a memory-mapped file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from dipole.data.inputs import batch_of, check_text, check_texts, described, real_number
from dipole.data.same import content_key, exact_key
from dipole.errors import InputError, optional

if TYPE_CHECKING:
    import pyarrow as pa

# What a field of an example holds; `schema` turns it into an Arrow type.
TEXT, TEXTS, NUMBER, NUMBERS, WHOLE = "text", "texts", "number", "numbers", "whole"
ANY = "any"  # the values decide
IMAGE = "image"  # the path of a file, or its bytes; becomes an `ImageType` when all are known


def arrow() -> Any:
    """pyarrow, or one line that says which extra installs it."""
    return optional("pyarrow", "text")


@dataclass(frozen=True)
class Skipped:
    """Rows left out by `on_bad_row="skip"`: how many, and what was wrong with the first ones."""

    count: int = 0
    messages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.count > 0


def _values(array: pa.Array) -> list[Any]:
    """Python values of an Arrow array; images (fixed-shape tensors) come as numpy arrays."""
    if _is_of_images(array):
        return list(array.type.decoded(array))
    if hasattr(array, "to_numpy_ndarray"):
        return list(array.to_numpy_ndarray()) if len(array) else []
    return list(array.to_pylist())


def _is_of_images(array: Any) -> bool:
    """Whether an array's images are read from files where it is touched."""
    return getattr(array.type, "extension_name", "") == "dipole.image"


class Column(Sequence[Any]):
    """One column of examples as a sequence, read where it is touched; nothing is copied."""

    def __init__(self, column: pa.ChunkedArray, rows: np.ndarray | None) -> None:
        self._column = column
        self._rows = rows
        lengths = [len(chunk) for chunk in column.chunks]
        self._starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        self._block = 64 if _is_of_images(column) else 4096  # values read at once

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
                    yield from _values(chunk.slice(start, self._block))
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
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(value)[:60] for value in self[:3])
        return f"Column([{shown}{', ...' if len(self) > 3 else ''}], length={len(self)})"

    def take(self, indices: np.ndarray) -> list[Any]:
        """The values of these rows, in this order."""
        return self._take(indices, _values)

    def contents(self, indices: np.ndarray | None = None) -> Iterable[Any]:
        """What tells the values of these rows (all, if None) apart: the values themselves, of
        images in files the paths."""
        if not _is_of_images(self._column):
            return self if indices is None else self.take(indices)
        rows = np.arange(len(self)) if indices is None else indices
        return self._take(rows, lambda array: list(array.type.contents(array)))

    def _take(self, indices: np.ndarray, values_of: Callable[[Any], list[Any]]) -> list[Any]:
        indices = _checked(indices, len(self))
        if self._rows is not None:
            indices = self._rows[indices]
        if self._column.num_chunks == 1:
            return values_of(self._column.chunk(0).take(arrow().array(indices)))
        # Chunk by chunk: taking from the whole would first join the chunks in memory.
        chunk_of = np.searchsorted(self._starts, indices, side="right") - 1
        order = np.argsort(chunk_of, kind="stable")
        out: list[Any] = [None] * len(indices)
        for group in np.split(order, np.flatnonzero(np.diff(chunk_of[order])) + 1):
            if len(group):
                chunk = int(chunk_of[group[0]])
                local = arrow().array(indices[group] - self._starts[chunk])
                values = values_of(self._column.chunk(chunk).take(local))
                for place, value in zip(group, values, strict=True):
                    out[place] = value
        return out


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
        origin: str = "python values",
    ) -> Self:
        """Examples from lists (or one array of images), one entry per field of the type.

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
            arrays[name] = _to_arrow(values, cls.FIELDS[name], f"{cls.__name__}: {name}")
        if metadata is not None:
            arrays["metadata"] = pa.array([json.dumps(dict(m)) for m in metadata], pa.string())
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
    """(id, anchor, positive): two texts that belong together."""

    FIELDS: ClassVar[dict[str, str]] = {"anchor": TEXT, "positive": TEXT}


class Triplets(Examples):
    """(id, anchor, positive, negatives): a pair with one or more texts that do not belong."""

    FIELDS: ClassVar[dict[str, str]] = {"anchor": TEXT, "positive": TEXT, "negatives": TEXTS}

    @property
    def scores(self) -> Column | None:
        """Of mined triplets one list a row: the score of the positive, then of each negative."""
        return self._columns.get("scores")

    def with_scores(self, scores: Sequence[Sequence[float]]) -> Self:
        """The same triplets with their scores."""
        pa = arrow()
        column = pa.array(scores, pa.list_(pa.float64()))
        table = self.table.append_column("scores", column)
        return type(self)(table, origin=self.origin, skipped=self.skipped, columns=self.columns)


class Labeled(Examples):
    """(id, input, label): a text or an image (numpy array) and its class, a number or a name."""

    FIELDS: ClassVar[dict[str, str]] = {"input": ANY, "label": ANY}


class Inputs(Examples):
    """(id, input): a text or an image (numpy array), and nothing that belongs to it."""

    FIELDS: ClassVar[dict[str, str]] = {"input": ANY}


class Scored(Examples):
    """(id, first, second, score): two texts and how much they belong together."""

    FIELDS: ClassVar[dict[str, str]] = {"first": TEXT, "second": TEXT, "score": NUMBER}


class Ranked(Examples):
    """(id, query, candidates, relevance): a query, texts, and the relevance of each."""

    FIELDS: ClassVar[dict[str, str]] = {"query": TEXT, "candidates": TEXTS, "relevance": NUMBERS}


class Texts(Examples):
    """(id, text): documents or queries."""

    FIELDS: ClassVar[dict[str, str]] = {"text": TEXT}


def arrow_type(kind: str) -> Any:
    """The Arrow type of a field; None where the values decide."""
    pa = arrow()
    return {
        TEXT: pa.string(),
        TEXTS: pa.list_(pa.string()),
        NUMBER: pa.float64(),
        NUMBERS: pa.list_(pa.float64()),
        WHOLE: pa.int64(),
        ANY: None,
        IMAGE: pa.struct({"path": pa.string(), "bytes": pa.binary()}),
    }[kind]


def _to_arrow(values: Any, kind: str, what: str) -> Any:
    pa = arrow()
    if isinstance(values, np.ndarray) and values.ndim > 1:  # images: one array per row
        return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(values))
    _check(values, kind, what)
    try:
        plain = values if isinstance(values, np.ndarray) else list(values)
        return pa.array(plain, arrow_type(kind))
    except (pa.ArrowException, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{what}: found values of different types ({reason})") from None


def _check(values: Sequence[Any], kind: str, what: str) -> None:
    """Raise InputError at the first value that is no value of this kind, with its position."""
    if kind == TEXT:
        check_texts(values, what)
    elif kind in (TEXTS, NUMBERS):
        for place, value in enumerate(values):
            part = TEXT if kind == TEXTS else NUMBER
            _check(batch_of(value, f"{what}[{place}]"), part, f"{what}[{place}]")
    elif kind == NUMBER:
        for place, value in enumerate(values):
            real_number(value, f"{what}[{place}]")
    elif kind == ANY:
        for place, value in enumerate(values):
            if isinstance(value, str):
                check_text(value, f"{what}[{place}]")
            elif (found := described(value)) in ("None", "nan"):
                raise InputError(f"{what}[{place}] is {found}; expected a value")
