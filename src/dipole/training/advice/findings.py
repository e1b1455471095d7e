"""What is in a data set: rows, copies, lengths, languages, classes, likely false negatives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dipole.data import Examples, Labeled, Ranked, Scored
from dipole.data.same import content_key
from dipole.lexical.languages import languages
from dipole.sampling.known import KnownPairs
from dipole.training.kinds import Kind, kind_of

# Rows of a field that lengths, languages and near copies are counted on, evenly spread.
LOOKED_AT = 20_000
# Fields that are compared, by the name of an option of theirs where they have one.
SIDES = ("anchor", "positive", "first", "second", "query", "input")
_NOT_WORDS = re.compile(r"\W+")


@dataclass(frozen=True)
class Field:
    """One side of the examples. What is said of texts is None for images and arrays.

    words: the median and the 95th percentile of the texts' words, of characters where the script
    has no blanks. different: contents that differ. loosely: contents that differ by more than case
    and punctuation, among `looked_at` rows. shapes: (height, width, ...) -> rows, of arrays.
    """

    name: str
    holds: str  # texts, images or arrays
    different: int
    looked_at: int
    words: tuple[int, int] | None = None
    loosely: int | None = None
    languages: dict[str, float] = field(default_factory=dict)
    shapes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """What was found. None, 0 and {} where it does not apply to the kind of data.

    copies: rows that repeat an earlier row. several: anchors with more than one positive. shared:
    positives of more than one anchor. same: rows with one text on both sides. crowded: share of
    rows that may not meet all others in a batch. classes: label -> rows. scores: lowest, highest,
    how many different. candidates: median of a list.
    """

    kind: Kind
    rows: int
    origin: str
    fields: tuple[Field, ...]
    copies: int = 0
    several: int = 0
    shared: int = 0
    same: int = 0
    crowded: float = 0.0
    classes: dict[str, int] = field(default_factory=dict)
    scores: tuple[float, float, int] | None = None
    candidates: int | None = None

    def texts(self) -> list[Field]:
        """The fields that hold texts."""
        return [field for field in self.fields if field.holds == "texts"]


def look(examples: Examples, *, numbered: bool) -> Findings:
    """What is in examples; numbered: labels are a quantity and no classes."""
    kind: Kind = "numbered" if numbered else kind_of(examples)
    if kind == "labelled" and not isinstance(examples.column("input")[0], str):
        kind = "labelled-images"
    names = [name for name in SIDES if name in examples.FIELDS] or list(examples.FIELDS)
    keys = {name: examples.keys(name) for name in names}
    fields = tuple(_field(examples, name, keys[name]) for name in names)
    found: dict[str, Any] = {}
    if len(names) >= 2:
        columns = np.column_stack([keys[name] for name in names])
        found["copies"] = len(columns) - len(np.unique(columns, axis=0))
    else:
        found["copies"] = len(examples) - fields[0].different
    if names == ["anchor", "positive"]:
        found |= _pairs(keys["anchor"], keys["positive"])
    if isinstance(examples, Labeled) and not numbered:
        found["classes"] = dict(Counter(map(str, examples.column("label"))).most_common())
    if isinstance(examples, Labeled) and numbered:
        found["scores"] = _range(float(value) for value in examples.column("label"))
    if isinstance(examples, Scored):
        found["scores"] = _range(examples.column("score"))
    if isinstance(examples, Ranked):
        found["candidates"] = int(np.median([len(row) for row in examples.column("candidates")]))
    return Findings(kind, len(examples), examples.origin, fields, **found)


def _pairs(anchor: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    together = np.unique(np.column_stack([anchor, positive]), axis=0)
    known = KnownPairs(np.column_stack([anchor, positive]))
    return {
        "several": int((np.unique(together[:, 0], return_counts=True)[1] > 1).sum()),
        "shared": int((np.unique(together[:, 1], return_counts=True)[1] > 1).sum()),
        "same": int((anchor == positive).sum()),
        "crowded": float(known.crowded.mean()),
    }


def _range(values: Iterable[float]) -> tuple[float, float, int]:
    different = set(values)
    return min(different), max(different), len(different)


def _field(examples: Examples, name: str, keys: np.ndarray) -> Field:
    column = examples.column(name)
    count = len(column)
    different = len(np.unique(keys))
    rows = np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(np.int64))
    if not isinstance(column[0], str):
        return _of_arrays(name, column, rows, different)
    texts: list[str] = column.take(rows)
    return Field(
        name,
        "texts",
        different,
        len(texts),
        words=_percentiles([_words(text) for text in texts]),
        loosely=len({content_key(_loosely(text)) for text in texts}),
        languages=languages(texts),
    )


def _of_arrays(name: str, column: Any, rows: np.ndarray, different: int) -> Field:
    few = rows[:: max(1, len(rows) // 100)]  # images are decoded for it
    shapes = Counter("x".join(map(str, np.shape(value))) for value in _each(column, few))
    are_images = all(_is_image(value) for value in _each(column, few[:1]))
    holds = "images" if are_images else "arrays"
    return Field(name, holds, different, len(few), shapes=dict(shapes.most_common()))


def _each(column: Any, rows: np.ndarray) -> Iterator[Any]:
    for row in rows:
        yield column[int(row)]


def _is_image(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype == np.uint8 and array.ndim in (2, 3)


def _loosely(text: str) -> str:
    return _NOT_WORDS.sub(" ", text.lower()).strip()


def _words(text: str) -> int:
    words = len(text.split())
    return words if words > 1 or text.isascii() else len(text)


def _percentiles(counts: Sequence[int]) -> tuple[int, int]:
    middle, high = np.percentile(counts, [50, 95])
    return int(middle), int(high)
