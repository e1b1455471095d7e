"""False negatives among the hardest, where neighbours are of one class and where they are not."""

from types import SimpleNamespace

import numpy as np

from dipole.systems.vision.moco_dual_hard import false_negatives


def test_the_hardest_are_false_negatives_where_classes_are_apart():
    labels = np.arange(1000) % 4
    vectors = np.eye(4)[labels]
    model = SimpleNamespace(
        train_vectors=vectors,
        train_labels=labels,
        test_vectors=vectors[:8],
        test_labels=labels[:8],
    )
    found = false_negatives(model)
    assert (found["false negatives, whole queue"] == 25).all()
    assert (found["false negatives, hardest"] == 100).all()
    model.test_labels = labels[:8] + 1
    assert (false_negatives(model)["false negatives, hardest"] == 0).all()
