"""Inverse-propensity sampling: what a rule of thumb picks too often is picked less (DebCSE)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dipole.errors import InputError


def surface(first: Sequence[str], second: Sequence[str], *, most: int = 128) -> np.ndarray:
    """How alike two texts look, (n,): 1 - edit distance / length of the longer one, 0 to 1.

    Compared are the first `most` characters; two empty texts are 1.

    >>> surface(["kitten"], ["sitting"]).round(4).tolist()
    [0.5714]
    """
    a, b = [x[:most] for x in first], [x[:most] for x in second]
    found = np.empty(len(a))
    for start in range(0, len(a), 4096):
        part = slice(start, start + 4096)
        longer = np.array([max(map(len, pair)) for pair in zip(a[part], b[part], strict=True)])
        distance = edit_distances(a[part], b[part])
        found[part] = np.where(longer > 0, 1 - distance / longer.clip(1), 1.0)
    return found


def edit_distances(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Levenshtein's distances of pairs of texts, (n,) int64: insertions, deletions, replacements.

    All pairs at once, a row of the table at a time; within a row insertions are a running
    minimum, d_j = min over i <= j of (e_i - i) + j. O(n a b) time, O(n b) memory.
    """
    a, b = _letters(first, -1), _letters(second, -2)
    lengths = np.array([len(text) for text in first]), np.array([len(text) for text in second])
    column = np.arange(b.shape[1] + 1, dtype=np.int32)
    row = np.repeat(column[None], len(b), 0)
    found = np.where(lengths[0] == 0, lengths[1], 0).astype(np.int64)
    for step in range(1, a.shape[1] + 1):
        new = np.empty_like(row)
        new[:, 0] = step
        np.minimum(row[:, 1:] + 1, row[:, :-1] + (b != a[:, step - 1, None]), out=new[:, 1:])
        row = np.minimum.accumulate(new - column, axis=1) + column
        ends = np.flatnonzero(lengths[0] == step)
        found[ends] = row[ends, lengths[1][ends]]
    return found


def _letters(texts: Sequence[str], padding: int) -> np.ndarray:
    """Characters as numbers, (n, longest) int32."""
    out = np.full((len(texts), max(map(len, texts), default=0)), padding, dtype=np.int32)
    for i, text in enumerate(texts):
        out[i, : len(text)] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.int32)
    return out


def positive_weights(
    meaning: np.ndarray, look: np.ndarray, *, power: float = 1.0, floor: float = 0.7
) -> np.ndarray:
    """p+(c | x) ~ sem^power / clip(sur, 0.05, 1) where sem >= floor: near in meaning, not in looks.

    meaning: cosines mapped to [0, 1]; look: `surface`; both (b, k). Rows sum to 1, or to 0 where
    nothing reaches the floor. Weights are cut at their 99th percentile: a rare candidate with a
    tiny propensity must not be all there is.
    Source: Miao et al. 2023, DebCSE, arXiv 2309.07396; the exponents, floor and ceiling are this
    library's reading: the paper's abstract fixes the principle, not the numbers.
    """
    weights = meaning**power / look.clip(0.05, 1)
    return _normalised(weights, (meaning >= floor) & (look >= 0))


def negative_weights(
    meaning: np.ndarray, look: np.ndarray, *, power: float = 1.0, ceiling: float = 0.4
) -> np.ndarray:
    """p-(c | x) ~ (1 - sem)^power / clip(1 - sur, 0.05, 1) where sem <= ceiling: close in looks,
    not in meaning; see `positive_weights`."""
    weights = (1 - meaning) ** power / (1 - look).clip(0.05, 1)
    return _normalised(weights, (meaning <= ceiling) & (look >= 0))


def draw(weights: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    """One column per row in proportion to its weight, (b,) int64; -1 for a row of zeros.

    A function of (weights, seed, epoch): another epoch draws others, a resumed run the same.
    """
    if weights.ndim != 2 or (weights < 0).any() or not np.isfinite(weights).all():
        raise InputError(
            f"weights: found shape {weights.shape}; expected (b, k) finite numbers of 0 or more"
        )
    total = weights.sum(1)
    u = np.random.default_rng((seed, epoch)).random(len(weights)) * total
    column = (weights.cumsum(1) <= u[:, None]).sum(1).clip(max=weights.shape[1] - 1)
    return np.where(total > 0, column, -1)


def _normalised(weights: np.ndarray, kept: np.ndarray) -> np.ndarray:
    if kept.any():
        weights = weights.clip(max=np.quantile(weights[kept], 0.99))
    weights = np.where(kept, weights, 0)
    total = weights.sum(1, keepdims=True)
    return weights / np.where(total == 0, 1, total)
