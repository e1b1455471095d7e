"""Pseudo-classes: groups of rows whose vectors are near each other, by k-means."""

from __future__ import annotations

import warnings

import numpy as np

from dipole.errors import InputError, optional


def pseudo_classes(
    vectors: np.ndarray, count: int, *, largest: int | None = None, seed: int = 0
) -> np.ndarray:
    """The cluster of every row, (n,) int64, by k-means with `count` centres.

    Centres start far apart (k-means++, the best of three starts) and are found on mini-batches,
    so memory beside the vectors is small. With `largest` no cluster has more rows: one that has is
    cut in two, again and again (batches of unlike classes want n / batch size at most).

    Shapes: vectors (n, dim), in memory or memory-mapped.

    >>> near = np.repeat(np.eye(3), 4, axis=0)
    >>> len(set(pseudo_classes(near, 3)[::4].tolist()))
    3
    """
    n = len(vectors)
    if not 1 <= count <= n:
        raise InputError(f"clusters: found {count} for {n} rows; expected between 1 and {n}")
    labels = _kmeans(vectors, count, seed)
    if largest is None:
        return labels
    if largest < 1:
        raise InputError(f"largest: found {largest}, expected at least 1")
    next_label = count
    crowded = [k for k, size in enumerate(np.bincount(labels, minlength=count)) if size > largest]
    while crowded:
        rows = np.flatnonzero(labels == crowded.pop())
        half = _kmeans(vectors[rows], 2, seed)
        if half.all() or not half.any():  # all in one point: any halves do
            half = np.arange(len(rows)) % 2
        labels[rows[half == 1]] = next_label
        kept = int(labels[rows[half == 0][0]])
        for k in (kept, next_label):
            if (labels[rows] == k).sum() > largest:
                crowded.append(k)
        next_label += 1
    return labels


def _kmeans(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    cluster = optional("sklearn.cluster", "measure")
    model = cluster.MiniBatchKMeans(
        count, batch_size=max(4096, 4 * count), n_init=3, random_state=seed
    )
    with warnings.catch_warnings(action="ignore"):  # of equal vectors: fewer clusters, no mistake
        model.fit(vectors)
    blocks = (model.predict(vectors[s : s + 65536]) for s in range(0, len(vectors), 65536))
    labels: np.ndarray = np.concatenate(list(blocks)).astype(np.int64)
    return labels
