"""k nearest neighbours: do examples of a class lie together?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import unit
from dipole.evaluation.result import Result
from dipole.evaluation.tasks.labelled import checked, evaluate_classifier
from dipole.kernels.topk import top_k

if TYPE_CHECKING:
    from dipole.data import Labeled
    from dipole.data.memory import Table

NEIGHBOURS = 20


def knn(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray,
    k: int = NEIGHBOURS,
) -> np.ndarray:  # fmt: skip
    """Whether the k nearest training examples vote for the label of each test example, (n,) bool.

    The label most frequent among the k largest cosines wins; of equally frequent ones that with
    the larger sum of cosines. Exact, tile by tile: the n x m cosines never exist together.

    Args:
        train, test: (m, dim) and (n, dim) vectors of any length.
        train_labels, test_labels: (m,) and (n,), whole numbers or names.

    Raises InputError: not finite, one class only, k < 1 or larger than m.

    >>> rows = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> knn(rows, np.array([0, 0, 1, 1]), np.array([[1.0, 0.2]]), np.array([1]), k=1)
    array([False])
    """
    train, train_labels = checked(train, train_labels, "knn", "train", classes=2)
    test, test_labels = checked(test, test_labels, "knn", "test")
    return knn_labels(train, train_labels, test, k) == test_labels


def knn_labels(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, k: int = NEIGHBOURS
) -> np.ndarray:
    """The label that the k nearest training examples vote for, one per test example.

    Votes count alike; weighted by exp(cosine / 0.07), as in lightly, they are another measure.
    """
    if not 1 <= k <= len(train):
        raise InputError(f"knn: k is {k}; expected 1 to {len(train)}, the training examples")
    cosines, found = top_k(unit(test), unit(train), k)
    classes, codes = np.unique(train_labels, return_inverse=True)
    votes = np.zeros((len(test), len(classes)))
    nearness = np.zeros_like(votes)
    rows = np.arange(len(test))[:, None]
    # The order of summing is that of the neighbours, so equal votes stay equal.
    np.add.at(votes, (rows, codes[found]), 1)
    np.add.at(nearness, (rows, codes[found]), cosines)
    nearness[votes < votes.max(1, keepdims=True)] = -np.inf
    return classes[nearness.argmax(1)]


def evaluate_knn(
    encoder: Any, train: Labeled | Table, test: Labeled | Table, k: int = NEIGHBOURS, *,
    system: str = "encoder", seed: int = 0, show_progress: bool = False,
) -> Result:  # fmt: skip
    """kNN accuracy of an encoder's vectors: `knn` on `train` and `test`, kept for every item.

    Metrics: accuracy, balanced accuracy (the mean over classes). A test label that train does not
    have counts as wrong and is said in `notes`.
    """
    return evaluate_classifier(
        "knn", lambda known, labels, vectors: (knn_labels(known, labels, vectors, k), ()),
        encoder, train, test, system=system, seed=seed, show_progress=show_progress,
    )  # fmt: skip
