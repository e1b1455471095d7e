"""Parts of examples that have no text in common: to train on, to validate, to test, or in folds."""

from __future__ import annotations

from typing import Literal

import numpy as np

from dipole.data import Examples, Ranked, content_key
from dipole.data.bundles import Bundles
from dipole.errors import InputError

# Fields whose texts hold rows together.
TOGETHER = ("anchor", "positive", "first", "second", "input", "query", "prompt")


def hold_out(
    examples: Examples, fraction: float, part: Literal["validation", "test"] = "validation"
) -> tuple[Examples, Examples]:
    """(training, `part`): about `fraction` of the rows, no text on both sides.

    Rows that share a text hang together (anchor or positive, first or second, input, query, prompt
    or a candidate of the highest relevance; not listed negatives), directly or through others: what
    is held out are whole components of this graph. They are chosen by content hash, so the choice
    needs no seed: a validation takes the lowest, a test the highest, so that what was chosen by
    one is never measured on it by the other. One with more rows than twice the fraction, or than
    half of all, is always trained on.

    Raises InputError: too few rows hang together little enough, or a side is empty.
    """
    place, choosable, largest = _places(examples, fraction)
    n = len(examples)
    if part == "test":
        place = 1 - place
    held = place < fraction * n / max(choosable, 1)
    if 2 * choosable < fraction * n:
        raise InputError(
            f"{part}: {fraction} of {n:,} rows cannot be held out: {largest:,} rows hang "
            "together by texts they share, and no text may be on both sides; expected a file of "
            f"its own (--{part} FILE), a split or a smaller fraction"
        )
    if held.all() or not held.any():
        raise InputError(
            f"{part}: {fraction} of {len(examples)} rows leaves one side empty; "
            "expected a larger file or another fraction"
        )
    return examples.select(np.flatnonzero(~held)), examples.select(np.flatnonzero(held))


def fold(examples: Examples, number: int, count: int) -> tuple[Examples, Examples]:
    """(training, test): fold `number` of `count`, from 0 on, is the test.

    Folds are of about the same size, and no text is in two; what hangs together, and how folds are
    chosen, is as for `hold_out`. Rows that hang together with too many others are trained on in
    every fold.

    Raises InputError: no such fold, or fewer than `count` parts hang together little enough.
    """
    if not 0 <= number < count or count < 2:
        raise InputError(f"folds: found number {number} of {count}; expected one of 2 or more")
    place, choosable, largest = _places(examples, 1 / count)
    which = np.where(np.isnan(place), -1, place * count).astype(np.int64)
    found = len(np.unique(which[which >= 0]))
    if found < count or 2 * choosable < len(examples):
        raise InputError(
            f"folds: {len(examples):,} rows do not come in {count} parts, {largest:,} of them hang "
            "together by texts they share, and no text may be in two; expected more rows or fewer "
            "folds"
        )
    held = which == number
    return examples.select(np.flatnonzero(~held)), examples.select(np.flatnonzero(held))


def _places(examples: Examples, fraction: float) -> tuple[np.ndarray, int, int]:
    """Where the component of each row lies in [0, 1), by its content, (n,), nan of one too large to
    be held out; the rows that have a place, and those of the largest component."""
    labels, sizes = _components(examples)
    n = len(examples)
    small = sizes <= min(max(2 * fraction * n, 10), max(n / 2, 1))
    wanted = ("positive", "second", "input", "query", "prompt", *list(examples.FIELDS)[1:])
    field = next(f for f in wanted if f in examples.FIELDS)
    key = np.full(len(sizes), np.iinfo(np.uint64).max)
    np.minimum.at(key, labels, examples.keys(field))
    # The hashes are not spread evenly enough to compare with a threshold: multiply, take the top.
    place = (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(11)).astype(np.float64) / 2.0**53
    return np.where(small, place, np.nan)[labels], int(sizes[small].sum()), int(sizes.max())


def _components(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """The component of every row, (n,), and the rows of each."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(examples)
    fields = list(examples.FIELDS) if isinstance(examples, Bundles) else TOGETHER
    fields = [f for f in fields if f in examples.FIELDS]
    keys = [examples.keys(field) for field in fields]
    rows = [np.arange(n)] * len(fields)
    if isinstance(examples, Ranked):
        best = [
            (row, content_key(text))
            for row, (texts, relevance) in enumerate(
                zip(examples.column("candidates"), examples.column("relevance"), strict=True)
            )
            for text, worth in zip(texts, relevance, strict=True)
            if worth == max(relevance)
        ]
        rows.append(np.array([row for row, _ in best], dtype=np.int64))
        keys.append(np.array([key for _, key in best], dtype=np.uint64))
    texts = np.unique(np.concatenate(keys), return_inverse=True)[1]
    ends = np.concatenate(rows), n + texts
    size = n + int(texts.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(texts), dtype=bool), ends), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][:n]
    return labels, np.bincount(labels)
