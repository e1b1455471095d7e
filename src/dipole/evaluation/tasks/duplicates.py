"""Duplicates: are examples of one group nearer to each other than to any other?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import differing, encode_function, given, unit
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import Estimate, Statistic
from dipole.evaluation.tasks.labelled import checked, embedded

if TYPE_CHECKING:
    from dipole.data import Labeled
    from dipole.data.memory import Table

METRICS = ("MAP", "AP", "P@1", "R-precision", "MAP@R")
EXTRA = METRICS[2:]
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
    precision_at_1: np.ndarray  # of the example's own ranking, as the next two
    r_precision: np.ndarray
    map_at_r: np.ndarray


def duplicate_precision(vectors: np.ndarray, groups: np.ndarray) -> Found:
    """How well the cosine finds examples of the same group, exactly, in O(n + duplicates) memory.

    MAP: each example ranks all others; AP is the mean over its duplicates of the precision down to
    them. AP over all n (n - 1) / 2 pairs ranked by cosine:

        AP = mean_{p: duplicates} #{duplicates: cosine >= c_p} / #{pairs: cosine >= c_p}

    that is, over every threshold. Equal cosines come in together. P@1, R-precision and MAP@R are of
    an example's own ranking, cut at its R duplicates (`measured`); of equal cosines there the
    duplicates come last. Cosines are float32, computed a block of rows at a time, twice: the first
    pass finds the P cosines of duplicates, the second counts the pairs above each.
    (Musgrave, Belongie and Lim, A metric learning reality check, ECCV 2020.)

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
    at_r: list[tuple[float, float, float]] = []
    positive: list[np.ndarray] = []
    for first, cosines in _blocks(vectors):
        for place, row in enumerate(range(first, first + len(cosines))):
            if size[row] > 1:
                others = order[start[row] : start[row] + size[row]]
                hits = np.sort(cosines[place, others[others != row]])
                every = np.sort(cosines[place])
                hits_in, all_in = _at_least(hits, hits), _at_least(every, hits)
                own.append((hits_in / all_in).mean())
                at_r.append(_cut_at_r(all_in - hits_in))
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
    return Found(rows, np.array(own), sums, size[rows] - 1, *np.array(at_r).T)


def evaluate_duplicates(
    encoder: Any, data: Labeled | Table, *, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """`duplicate_precision` where examples with the same label are duplicates.

    Metrics: MAP, AP, P@1, R-precision, MAP@R. The items are the examples that have a duplicate; the
    others are what must not be found. All are means of items but AP, which is one ranking of pairs
    that share examples: it has no interval.
    """
    rows: Labeled = given(data, "duplicates", "Labeled")
    encode = encode_function(encoder, show_progress)
    vectors, groups = embedded(encode, rows, "duplicates", "data", system, classes=2)
    differing(vectors, "examples", system)
    found = duplicate_precision(vectors, groups)
    ids = rows.ids
    columns = {
        "average precision": found.average_precision,
        "precision at duplicates": found.precision,
        "duplicates": found.duplicates.astype(float),
    } | dict(zip(EXTRA, (found.precision_at_1, found.r_precision, found.map_at_r), strict=True))
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


def _cut_at_r(before: np.ndarray) -> tuple[float, float, float]:
    """P@1, R-precision and MAP@R of one ranking.

    before: for each duplicate, from the last to the first, how many others are at least as near.
    """
    number = np.arange(1, len(before) + 1)
    ranks = before[::-1] + number
    kept = ranks <= len(before)
    average = float((number / ranks)[kept].sum()) / len(before)
    return float(ranks[0] == 1), float(kept.mean()), average


def _estimate(values: np.ndarray) -> Estimate:
    whole = values[:, 1].sum() / values[:, 2].sum()
    means = _means(values)

    def estimate(weights: np.ndarray) -> np.ndarray:
        equal = (weights == weights[:, :1]).all(1)
        found = weights @ means / weights.sum(1, keepdims=True)
        return np.insert(found, 1, np.where(equal, whole, np.nan), axis=1)

    return estimate


def _means(values: np.ndarray) -> np.ndarray:
    """The columns whose metric is the mean over items: all but those of AP."""
    return np.delete(values, (1, 2), axis=1)


DUPLICATES = Statistic(
    _estimate,
    moments=_means,
    of_sums=lambda sums, n: np.insert(sums / n, 1, np.nan, axis=1),
)
