"""WEAT: do the vectors of two groups of words lie nearer to one set of attributes than the other?

    dipole evaluate RUN --task dipole.evaluation.association:WEAT --data words.csv

A row of the data is a word or text and its set: X or Y (two groups), A or B (two attributes).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import encode_function, given, unit
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import Estimate, Statistic
from dipole.evaluation.tasks.labelled import embedded
from dipole.evaluation.tasks.registry import Task

if TYPE_CHECKING:
    from dipole.data import Labeled
    from dipole.data.memory import Table

SETS = ("X", "Y", "A", "B")
# Partitions that a p-value comes from, at most; drawn where there are more.
PARTITIONS = 100_000
_BLOCK = 4096


@dataclass(frozen=True)
class Association:
    """effect: in standard deviations, 0 is none. p_value: one-sided, of a larger association of X
    with A than this by chance. partitions: how many it comes from; exact: whether these are all."""

    effect: float
    p_value: float
    partitions: int
    exact: bool


def weat(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, *,
    partitions: int = PARTITIONS, seed: int = 0,
) -> Association:  # fmt: skip
    """The word embedding association test of vectors of X, Y, A and B.

        s(w)   = mean_{a in A} cos(w, a) - mean_{b in B} cos(w, b)
        effect = (mean_{x in X} s(x) - mean_{y in Y} s(y)) / std_{w in X and Y} s(w)
        p      = share of the partitions of X and Y together into sets of their sizes whose
                 sum_{X'} s - sum_{Y'} s is at least that of X and Y

    std divides by n - 1. Where there are more than `partitions`, so many are drawn and (hits + 1) /
    (drawn + 1) is given. If all s are equal the effect is 0.
    Shapes: (n, d), (m, d), (k, d), (l, d), at least one row each, X and Y three together.

    Raises:
        InputError: too few rows, other widths, or a vector that is 0 or not finite.
    Sources: Caliskan et al. 2017, Science 356, arXiv 1608.07187; of sentences May et al. 2019,
    arXiv 1903.10561, and Cer et al. 2018, arXiv 1803.11175.

    Example:
        >>> x = np.array([[1.0, 0.1], [1.0, 0.2], [1.0, 0.3]])
        >>> weat(x, x[:, ::-1], np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).p_value
        0.05
    """
    sides = [_checked(name, part) for name, part in zip(SETS, (x, y, a, b), strict=True)]
    if len({part.shape[1] for part in sides}) > 1:
        found = ", ".join(str(part.shape[1]) for part in sides)
        raise InputError(f"weat: found vectors of {found} numbers; expected as many in all sets")
    return of_scores(*_scores(*sides), partitions=partitions, seed=seed)


def of_scores(
    x: np.ndarray, y: np.ndarray, *, partitions: int = PARTITIONS, seed: int = 0
) -> Association:
    """The same of the associations s of X and of Y, (n,) and (m,)."""
    every = np.concatenate([x, y])
    if len(every) < 3:
        raise InputError(f"weat: found {len(every)} words in X and Y; expected at least 3")
    width = every.std(ddof=1)
    # Sums of equal numbers differ in their last bits.
    least = x.sum() - 1e-12 * np.abs(every).sum()
    count = math.comb(len(every), len(x))
    exact = count <= partitions
    hits = sum(
        int((every[rows].sum(1) >= least).sum())
        for rows in (
            _all(len(every), len(x)) if exact else _drawn(len(every), len(x), partitions, seed)
        )
    )
    p = hits / count if exact else (hits + 1) / (partitions + 1)
    effect = (x.mean() - y.mean()) / width if width > 0 else 0.0
    return Association(float(effect), float(p), count if exact else partitions, exact)


def evaluate_association(
    encoder: Any, data: Labeled | Table, *, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """WEAT of labelled texts, whose labels are X, Y, A and B; a note has the p-value.

    The interval of the effect is over the words of X and Y, for the attributes as they are.
    """
    rows: Labeled = given(data, "weat", "Labeled")
    encode = encode_function(encoder, show_progress)
    vectors, labels = embedded(encode, rows, "weat", "data", system)
    others = sorted(set(labels.tolist()) - set(SETS), key=str)
    missing = [name for name in SETS if name not in labels]
    if others or missing:
        what = f"the set {others[0]!r}" if others else f"no row of the set {missing[0]}"
        raise InputError(f"weat: found {what}; expected labels X, Y (groups), A, B (attributes)")
    sides = [_checked(name, vectors[labels == name]) for name in SETS]
    x, y = _scores(*sides)
    found = of_scores(x, y, seed=seed)
    where = [np.flatnonzero(labels == name) for name in ("X", "Y")]
    ids = [rows.ids[i] for i in np.concatenate(where)]
    columns = {
        "association": np.concatenate([x, y]), "group": np.repeat([0.0, 1.0], [len(x), len(y)]),
    }  # fmt: skip
    how = "all" if found.exact else "drawn"
    note = f"one-sided permutation p = {found.p_value:.4g} ({found.partitions:,} partitions, {how})"
    return Result("weat", system, "word", ids, columns, ("effect",), EFFECT, (note,), seed=seed)


def _effect(values: np.ndarray) -> Estimate:
    scores, group = values.T

    def estimate(weights: np.ndarray) -> np.ndarray:
        def mean(w: np.ndarray) -> np.ndarray:
            total = w.sum(1)
            found = np.full(len(w), np.nan)
            return np.divide(w @ scores, total, out=found, where=total > 0)

        n, middle = weights.sum(1), mean(weights)
        spread = (weights * (scores - middle[:, None]) ** 2).sum(1) / (n - 1)
        apart = mean(weights * (group == 0)) - mean(weights * (group == 1))
        found = np.zeros(len(weights))
        np.divide(apart, np.sqrt(spread), out=found, where=spread > 0)
        return np.where(np.isnan(apart), 0.0, found)[:, None]

    return estimate


# No exchange of words between two systems says anything of an effect: no moments.
EFFECT = Statistic(
    _effect,
    moments=lambda values: values,
    of_sums=lambda sums, n: np.full((len(sums), 1), np.nan),
)
WEAT = Task("groups of words lie near attributes", "labelled", evaluate_association)


def _scores(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    toward = a.mean(0) - b.mean(0)
    return [part @ toward for part in (x, y)]


def _checked(name: str, vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or not len(vectors):
        raise InputError(f"weat: {name} has shape {vectors.shape}; expected (n, d), n at least 1")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(lengths).all() or not lengths.all():
        bad = int(np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))[0])
        raise InputError(f"weat: row {bad} of {name} is 0 or not finite; expected a direction")
    return unit(vectors)


def _all(n: int, size: int) -> Iterator[np.ndarray]:
    """All sets of `size` of n rows, in blocks."""
    block: list[tuple[int, ...]] = []
    for rows in combinations(range(n), size):
        block.append(rows)
        if len(block) == _BLOCK:
            yield np.array(block)
            block = []
    if block:
        yield np.array(block)


def _drawn(n: int, size: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """`count` sets of `size` of n rows, drawn, in blocks."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, _BLOCK):
        yield rng.random((min(_BLOCK, count - start), n)).argsort(1)[:, :size]
