from collections import defaultdict

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.evaluation.tasks.neighbours import evaluate_knn, knn, knn_labels


def blobs(seed, n, classes=3, dim=5, spread=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    return np.eye(dim)[labels] + spread * rng.standard_normal((n, dim)), labels


def naive(train, labels, test, k):
    """Neighbour by neighbour, in float64."""
    out = []
    for vector in test:
        cosines = [
            float(vector @ t / np.sqrt(vector @ vector) / np.sqrt(t @ t)) for t in train
        ]  # fmt: skip
        nearest = sorted(range(len(train)), key=lambda j: (-cosines[j], j))[:k]
        votes, total = defaultdict(int), defaultdict(float)
        for j in nearest:
            votes[labels[j]] += 1
            total[labels[j]] += cosines[j]
        out.append(max(votes, key=lambda c: (votes[c], total[c])))
    return np.array(out)


@pytest.mark.parametrize("k", [1, 2, 6, 20, 60])
def test_a_vote_written_out(k):
    train, labels = blobs(0, 60)
    test, _ = blobs(1, 40)
    np.testing.assert_array_equal(knn_labels(train, labels, test, k), naive(train, labels, test, k))


def test_scikit_learn_agrees_where_no_vote_is_tied():
    train, labels = blobs(2, 200, classes=2)  # two classes and an odd k: never a tie
    test, test_labels = blobs(3, 100, classes=2)
    model = KNeighborsClassifier(5, metric="cosine").fit(train, labels)
    expected = model.predict(test) == test_labels
    np.testing.assert_array_equal(knn(train, labels, test, test_labels, k=5), expected)
    assert 0.4 < expected.mean() < 1


def test_length_and_names_do_not_matter():
    train, labels = blobs(4, 50)
    test, test_labels = blobs(5, 30)
    names = np.array(["a", "b", "c"])
    grown = train * np.random.default_rng(0).uniform(1e-3, 1e3, (50, 1))
    np.testing.assert_array_equal(
        knn(grown, names[labels], test * 1e-25, names[test_labels], k=7),
        knn(train, labels, test, test_labels, k=7),
    )


def labeled(vectors, labels, prefix):
    return Labeled.from_columns(
        {"input": [f"{prefix}{i}" for i in range(len(vectors))], "label": list(labels)},
        ids=[f"{prefix}{i}" for i in range(len(vectors))],
    )


def task(train, labels, test, test_labels):
    """A function of texts that gives these vectors, and the two parts."""
    table = {f"a{i}": v for i, v in enumerate(train)} | {f"b{i}": v for i, v in enumerate(test)}
    return (
        lambda texts: np.stack([table[text] for text in texts]),
        labeled(train, labels, "a"),
        labeled(test, test_labels, "b"),
    )


def test_evaluate_knn_keeps_every_item():
    (train, labels), (test, test_labels) = blobs(6, 80), blobs(7, 40)
    result = evaluate_knn(*task(train, labels, test, test_labels), 5, system="mine")
    right = knn(train, labels, test, test_labels, k=5)
    np.testing.assert_array_equal(result.per_item["accuracy"], right)
    assert result.ids == [f"b{i}" for i in range(40)]
    assert result.value("accuracy") == pytest.approx(right.mean())
    assert result.value("balanced accuracy") == pytest.approx(
        np.mean([right[test_labels == c].mean() for c in range(3)])
    )
    assert result["accuracy"].low < right.mean() < result["accuracy"].high
    assert result.notes == ()


def test_a_class_that_train_does_not_have_is_wrong_and_said():
    train, labels = blobs(8, 40, classes=2)
    test, test_labels = blobs(9, 20, classes=3)
    result = evaluate_knn(*task(train, labels, test, test_labels), 3)
    assert (result.per_item["accuracy"][test_labels == 2] == 0).all()
    count = (test_labels == 2).sum()
    assert result.notes == (
        f"examples of classes that train does not have, counted as wrong: {count} of 20",
    )


TRAIN, LABELS = blobs(10, 30)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"train_labels": np.zeros(30)}, "knn: train has 1 class; expected at least 2"),
        ({"k": 31}, "k is 31; expected 1 to 30, the training examples"),
        ({"k": 0}, "k is 0; expected 1 to 30"),
        ({"train": np.where(np.arange(30)[:, None] == 3, np.nan, TRAIN)}, "first in row 3"),
        ({"test": TRAIN[:0], "test_labels": LABELS[:0]}, "no test examples; expected at least one"),
        ({"test_labels": LABELS[:5]}, r"test vectors have shape \(30, 5\), labels \(5,\)"),
    ],
)
def test_bad_arrays(change, match):
    given = {"train": TRAIN, "train_labels": LABELS, "test": TRAIN, "test_labels": LABELS}
    with pytest.raises(InputError, match=match) as error:
        knn(**{**given, **change})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("train", "labels", "test_labels", "match"),
    [
        (np.ones((30, 5)), LABELS, LABELS, "all 30 training examples have the same vector"),
        (TRAIN * np.nan, LABELS, LABELS, "30 of 30 train vectors are not finite, first of train"),
        (TRAIN, LABELS, LABELS + 10, "none of 3 test labels .first 1.. is in train"),
        (TRAIN[:0], LABELS[:0], LABELS, "no train examples"),
    ],
)
def test_bad_encoders(train, labels, test_labels, match):
    with pytest.raises(InputError, match=match) as error:
        evaluate_knn(*task(train, labels, TRAIN, test_labels), 5)
    assert "\n" not in str(error.value)
