"""What the tasks with classes share: checked vectors and labels, accuracy and its balanced form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import Encode, differing, encode_function, given, vectors_of
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import Estimate, Statistic
from dipole.evaluation.stored_vectors import StoredVectors

if TYPE_CHECKING:
    from dipole.data import Labeled
    from dipole.data.memory import Table

ACCURACIES = ("accuracy", "balanced accuracy")
# (train vectors, train labels, test vectors) -> labels
Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, tuple[str, ...]]]


def checked(
    vectors: Any, labels: Any, task: str, what: str, classes: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """(n, dim) finite vectors and n labels, at least one item and `classes` classes."""
    vectors, labels = np.asarray(vectors), np.asarray(labels)
    if vectors.ndim != 2 or labels.shape != (len(vectors),):
        raise InputError(
            f"{task}: {what} vectors have shape {vectors.shape}, labels {labels.shape}; "
            "expected (n, dim) and (n,)"
        )
    if not len(vectors):
        raise InputError(f"{task}: no {what} examples; expected at least one")
    bad = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(bad):
        raise InputError(
            f"{task}: {len(bad)} of {len(vectors)} {what} vectors are not finite, first in row "
            f"{bad[0]}; expected numbers"
        )
    found = len(np.unique(labels))
    if found < classes:
        raise InputError(
            f"{task}: {what} has {found} class{'es' * (found != 1)}; expected at least {classes}"
        )
    return vectors, labels


def evaluate_classifier(
    task: str, predict: Predict, encoder: Any, train: Labeled | Table, test: Labeled | Table, *,
    system: str, seed: int, show_progress: bool,
) -> Result:  # fmt: skip
    """Encode both parts, predict the labels of `test`, keep for every item whether it is right."""
    shown, asked = (given(data, task, "Labeled") for data in (train, test))
    encode = encode_function(encoder, show_progress)
    _disjoint(encode, shown, asked, system)
    known_inputs = seen(shown, asked, task)
    known, known_labels = embedded(encode, shown, task, "train", system, classes=2)
    vectors, labels = embedded(encode, asked, task, "test", system)
    if known.shape[1] != vectors.shape[1]:
        raise InputError(
            f"{task}: {known.shape[1]} dimensions in train and {vectors.shape[1]} in test"
        )
    differing(known, "training examples", system)
    predicted, notes = predict(known, known_labels, vectors)
    return accuracy_result(
        task, system, asked.ids, predicted, labels, seed=seed,
        notes=(*known_inputs, *notes, *unseen(labels, known_labels)),
    )  # fmt: skip


def embedded(
    encode: Encode, examples: Labeled, task: str, what: str, system: str, classes: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors and labels of labelled examples."""
    labels = np.asarray(list(examples.column("label")))
    if not len(labels):
        raise InputError(f"{task}: no {what} examples; expected at least one")
    vectors = vectors_of(encode, examples.column("input"), "query", examples.ids, what, system)
    return checked(vectors, labels, task, what, classes)


def accuracy_result(
    task: str, system: str, ids: Sequence[str], predicted: np.ndarray, labels: np.ndarray, *,
    seed: int = 0, notes: tuple[str, ...] = (),
) -> Result:  # fmt: skip
    """Per item: its class as a number and whether the prediction is right."""
    classes, codes = np.unique(labels, return_inverse=True)
    per_item = {"accuracy": (predicted == labels).astype(float), "class": codes.astype(float)}
    return Result(
        task, system, "example", list(ids), per_item, ACCURACIES, accuracies(len(classes)), notes,
        seed=seed,
    )  # fmt: skip


def accuracies(classes: int) -> Statistic:
    """Statistic of the columns (right, class): share of right items, and its mean over classes.

    accuracy = sum_i w_i r_i / sum_i w_i
    balanced = mean_c (sum_{i in c} w_i r_i / sum_{i in c} w_i)

    over the classes that have weight, as scikit-learn's balanced_accuracy_score.
    """

    def moments(values: np.ndarray) -> np.ndarray:
        member = values[:, 1:2] == np.arange(classes)
        return np.concatenate([values[:, :1] * member, member], axis=1)

    def of_sums(sums: np.ndarray, n: int) -> np.ndarray:
        right, held = sums[:, :classes], sums[:, classes:]
        share = np.divide(right, held, out=np.zeros_like(right), where=held > 0)
        return np.stack([right.sum(1) / held.sum(1), share.sum(1) / (held > 0).sum(1)], axis=1)

    def estimate(values: np.ndarray) -> Estimate:
        parts = moments(values)
        return lambda weights: of_sums(weights @ parts, len(parts))

    return Statistic(estimate, moments, of_sums)


def seen(train: Labeled, test: Labeled, task: str) -> tuple[str, ...]:
    """A note where training showed the content of a test example; raises where it showed all."""
    same = np.isin(test.keys("input"), train.keys("input"))
    if same.all():
        raise InputError(
            f"{task}: all {len(same)} test examples are in train, too (the same content); expected "
            "others, by --split or --train: it would say how well it remembers"
        )
    if not same.any():
        return ()
    return (
        f"test examples whose content is in train, too: {same.sum()} of {len(same)}; of these it "
        "says how well it remembers",
    )


def unseen(labels: np.ndarray, known: np.ndarray) -> tuple[str, ...]:
    """A note where training never showed a label of the test; raises where it showed none."""
    strange = ~np.isin(labels, known)
    if strange.all():
        raise InputError(
            f"none of {len(np.unique(labels))} test labels (first {labels[0]!s:.40}) is in train "
            f"(first {known[0]!s:.40}); expected the same labels"
        )
    if not strange.any():
        return ()
    return (
        f"examples of classes that train does not have, counted as wrong: {strange.sum()} of "
        f"{len(labels)}",
    )


def _disjoint(encode: Encode, train: Labeled, test: Labeled, system: str) -> None:
    """One stored vector cannot be that of two examples."""
    if not isinstance(encode, StoredVectors):
        return
    both = set(train.ids) & set(test.ids)
    taken = sorted(key for key in both if encode.holds(key))
    if taken:
        raise InputError(
            f"{system}: id {taken[0]!r} stands in train and in test, its vector is one of them; "
            "expected ids of their own, or texts as keys"
        )
