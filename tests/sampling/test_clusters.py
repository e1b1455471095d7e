"""Planted clusters are found, and cut where they are too large."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from dipole.errors import InputError
from dipole.sampling.clusters import pseudo_classes


def planted(clusters=12, rows=40, spread=0.1):
    rng = np.random.default_rng(0)
    truth = rng.permutation(np.repeat(np.arange(clusters), rows))
    centres = rng.normal(size=(clusters, 16))
    return truth, (centres[truth] + spread * rng.normal(size=(len(truth), 16))).astype(np.float32)


def test_planted_clusters_are_found():
    truth, vectors = planted()
    assert adjusted_rand_score(truth, pseudo_classes(vectors, 12)) == 1
    assert np.array_equal(pseudo_classes(vectors, 12, seed=1), pseudo_classes(vectors, 12, seed=1))


def test_no_cluster_is_larger_than_asked_and_none_is_mixed():
    truth, vectors = planted()
    labels = pseudo_classes(vectors, 12, largest=7)
    assert np.bincount(labels).max() <= 7
    assert all(len(set(truth[labels == k])) == 1 for k in set(labels))


def test_one_point_is_cut_too():
    labels = pseudo_classes(np.ones((50, 3), dtype=np.float32), 4, largest=8)
    assert np.bincount(labels).max() <= 8


def test_wrong_counts_are_named():
    with pytest.raises(InputError, match="clusters: found 9 for 4 rows"):
        pseudo_classes(np.eye(4), 9)
