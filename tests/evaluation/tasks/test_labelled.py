import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from dipole.evaluation.result import compare
from dipole.evaluation.tasks.labelled import accuracies, accuracy_result


def test_accuracies_are_those_of_the_resample_written_out():
    rng = np.random.default_rng(0)
    labels = np.array([0] * 6 + [1] * 3 + [2])
    right = rng.random(10) < 0.6
    predicted = np.where(right, labels, (labels + 1) % 3)
    statistic = accuracies(3)
    values = np.column_stack([right, labels])
    for weights in rng.multinomial(10, np.full(10, 0.1), 50).astype(float):
        rows = np.repeat(np.arange(10), weights.astype(int))
        found = statistic.estimate(values)(weights[None])[0]
        kept = np.isin(predicted[rows], labels[rows])  # scikit-learn warns of others
        assert found[0] == pytest.approx(right[rows].mean())
        if kept.all():
            expected = balanced_accuracy_score(labels[rows], predicted[rows])
            assert found[1] == pytest.approx(expected)


def test_systems_are_compared_on_the_items():
    labels = np.arange(60) % 3
    ids = [str(i) for i in range(60)]
    good = accuracy_result("knn", "good", ids, np.where(np.arange(60) < 50, labels, 9), labels)
    bad = accuracy_result("knn", "bad", ids, np.where(np.arange(60) < 20, labels, 9), labels)
    tests = compare(good, bad)
    for metric in ("accuracy", "balanced accuracy"):
        assert tests[metric].difference.value == pytest.approx(0.5)
        assert tests[metric].p_permutation < 0.001
