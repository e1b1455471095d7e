"""Duplicates: are examples of one group nearer to each other than to any other?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import differing, encode_function, unit
from dipole.evaluation.labelled import checked, embedded
from dipole.evaluation.result import Result
from dipole.evaluation.statistics import Estimate, Statistic

if TYPE_CHECKING:
    from dipole.data import Labeled

METRICS = ("MAP", "AP")
# Rows of cosines at a time: what a block holds is this many times the examples.
ROWS = 256


class Found(NamedTuple):
    """What `duplicate_precision` returns, one entry per example that has a duplicate."""

    rows: np.ndarray  # which examples these are
    average_precision: np.ndarray  # of the example's own ranking of all others
    precision: (
        np.ndarray
    )  # sum over its duplicates: precision at that pair in the list of all pairs
    duplicates: np.ndarray  # how many it has


def duplicate_precision(vectors: np.ndarray, groups: np.ndarray) -> Found:
    """How well the cosine finds examples of the same group, exactly, in O(n + duplicates) memory.

    MAP: each example ranks all others; AP is the mean over its duplicates of the precision down to
    them. AP over all n (n - 1) / 2 pairs ranked by cosine:

        AP = mean_{p: duplicates} #{duplicates: cosine >= c_p} / #{pairs: cosine >= c_p}

    that is, over every threshold. Equal cosines come in together. Cosines are float32, computed a
    block of rows at a time, twice: the first pass finds the P cosines of duplicates, the second
    counts the pairs above each.

    Raises InputError: no group with two examples, one group only, vectors not finite.
    """
    vectors, groups = checked(vectors, groups, "duplicates", "given", classes=2)
    vectors = unit(vectors)
    n = len(vectors)
    codes = np.unique(groups, return_inverse=True)[1]
    size = np.bincount(codes)[codes]
    rows = np.flatnonzero(size > 1)
    if not len(rows):
        raise InputError(f"duplicates: no two of {n} examples share a group; expected some")
    # Examples by group: the duplicates of a row are a slice.
    order = np.argsort(codes, kind="stable")
    start = np.searchsorted(codes[order], codes)

    own: list[float] = []
    positive: list[np.ndarray] = []
    for first, cosines in _blocks(vectors):
        for place, row in enumerate(range(first, first + len(cosines))):
            if size[row] > 1:
                others = order[start[row] : start[row] + size[row]]
                hits = np.sort(cosines[place, others[others != row]])
                every = np.sort(cosines[place])
                own.append((_at_least(hits, hits) / _at_least(every, hits)).mean())
                positive.append(hits)
    # Each pair stands there twice, once from either side, as it does in the counts below.
    levels, counts = np.unique(np.concatenate(positive), return_counts=True)
    above = np.zeros(len(levels) + 1, dtype=np.int64)
    for _, cosines in _blocks(vectors):
        reached = np.searchsorted(levels, cosines[cosines >= levels[0]], side="right")
        above += np.bincount(reached, minlength=len(above))
    pairs = above[::-1].cumsum()[::-1][1:]
    hits_above = counts[::-1].cumsum()[::-1]
    precision = hits_above / pairs
    sums = np.array([precision[np.searchsorted(levels, hits)].sum() for hits in positive])
    return Found(rows, np.array(own), sums, size[rows] - 1)


def evaluate_duplicates(
    encoder: Any, data: Labeled, *, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """MAP and AP (`duplicate_precision`) where examples with the same label are duplicates.

    The items are the examples that have one; the others are what must not be found. MAP is a mean
    of items. AP is one ranking of pairs that share examples: it has no interval.
    """
    encode = encode_function(encoder, show_progress)
    vectors, groups = embedded(encode, data, "duplicates", "data", system, classes=2)
    differing(vectors, "examples", system)
    found = duplicate_precision(vectors, groups)
    ids = data.ids
    columns = {
        "average precision": found.average_precision,
        "precision at duplicates": found.precision,
        "duplicates": found.duplicates.astype(float),
    }
    alone = len(ids) - len(found.rows)
    notes: tuple[str, ...] = ("AP has no interval: it is one ranking of pairs that share examples",)
    if alone:
        notes += (f"examples without a duplicate, only to be told apart: {alone}",)
    return Result(
        "duplicates", system, "example", [ids[row] for row in found.rows], columns, METRICS,
        DUPLICATES, notes, seed=seed,
    )  # fmt: skip


def _blocks(vectors: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, cosines with all) of some rows at a time; with itself: -inf.

    The same blocks each time: the cosine of a pair is then the same number to the last bit.
    """
    for first in range(0, len(vectors), ROWS):
        cosines = vectors[first : first + ROWS] @ vectors.T
        place = np.arange(len(cosines))
        cosines[place, first + place] = -np.inf
        yield first, cosines


def _at_least(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How many of `ordered` (ascending) are at least each value."""
    return len(ordered) - np.searchsorted(ordered, values, side="left")


def _estimate(values: np.ndarray) -> Estimate:
    whole = values[:, 1].sum() / values[:, 2].sum()

    def estimate(weights: np.ndarray) -> np.ndarray:
        mean = weights @ values[:, 0] / weights.sum(1)
        equal = (weights == weights[:, :1]).all(1)
        return np.stack([mean, np.where(equal, whole, np.nan)], axis=1)

    return estimate


DUPLICATES = Statistic(
    _estimate,
    moments=lambda values: values[:, :1],
    of_sums=lambda sums, n: np.stack([sums[:, 0] / n, np.full(len(sums), np.nan)], axis=1),
)
