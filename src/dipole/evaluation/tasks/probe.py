"""Linear probe: can a linear classifier read the classes off frozen vectors?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError, optional
from dipole.evaluation.result import Result
from dipole.evaluation.tasks.labelled import checked, evaluate_classifier

if TYPE_CHECKING:
    from dipole.data import Labeled
    from dipole.data.memory import Table

# Inverse strengths of the penalty that cross-validation chooses from.
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
FOLDS = 5
# Examples that cross-validation looks at; the classifier itself is fitted to all of them.
CHOOSE_FROM = 10_000
STEPS = 1000


def linear_probe(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, *,
    C: float | None = None, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """Whether a logistic regression on `train` gives the label of each test example, (n,) bool.

    min_{W,b}  1/2 ||W||^2 + C sum_i -log softmax(W z_i + b)_{y_i},
    z = a vector standardised by the mean and deviation of train (scikit-learn, lbfgs)

    C: by 5-fold cross-validation on train (on at most 10,000 of it) among 0.001 ... 100; the
    smallest of those that are equally good. Given, it is taken.

    Raises InputError: not finite, one class only.
    """
    train, train_labels = checked(train, train_labels, "probe", "train", classes=2)
    test, test_labels = checked(test, test_labels, "probe", "test")
    return probe_labels(train, train_labels, test, C=C, seed=seed)[0] == test_labels


def probe_labels(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, *, C: float | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, tuple[str, ...]]:  # fmt: skip
    """The predicted labels of `test`, and notes on how C was found."""
    if C is not None and not C > 0:
        raise InputError(f"probe: C is {C}; expected a number above 0")
    optional("sklearn", "measure")
    notes: tuple[str, ...] = ()
    if C is None:
        C, notes = _choose(train, train_labels, seed)
    ((predict, converged),) = _fits(train, train_labels, [C])
    if not converged:
        notes += (f"the classifier did not converge in {STEPS} steps",)
    return predict(test), notes


def evaluate_probe(
    encoder: Any, train: Labeled | Table, test: Labeled | Table, *, C: float | None = None,
    system: str = "encoder", seed: int = 0, show_progress: bool = False,
) -> Result:  # fmt: skip
    """Accuracy of a linear probe on an encoder's vectors (`linear_probe`), kept for every item.

    Metrics: accuracy, balanced accuracy (the mean over classes). A test label that train does not
    have counts as wrong and is said in `notes`, as is C.
    """
    return evaluate_classifier(
        "probe",
        lambda known, labels, vectors: probe_labels(known, labels, vectors, C=C, seed=seed),
        encoder, train, test, system=system, seed=seed, show_progress=show_progress,
    )  # fmt: skip


def _choose(vectors: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, tuple[str, ...]]:
    """The C of the best mean accuracy over the folds."""
    from sklearn.model_selection import StratifiedKFold

    if len(vectors) > CHOOSE_FROM:
        some = np.random.default_rng(seed).choice(len(vectors), CHOOSE_FROM, replace=False)
        vectors, labels = vectors[some], labels[some]
    # A class of fewer examples than folds cannot be in each: such classes do not vote on C.
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    folds = min(FOLDS, int(np.sort(sizes)[-2:].min()))
    if folds < 2:
        return 1.0, ("C = 1: too few examples of a class to cross-validate",)
    kept = (sizes >= folds)[codes]
    vectors, labels = vectors[kept], labels[kept]
    right = np.zeros(len(STRENGTHS))
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fitted, held in splits.split(vectors, labels):
        # From the strongest penalty on, each fit starts where the last one ended.
        found = _fits(vectors[fitted], labels[fitted], STRENGTHS)
        right += [(predict(vectors[held]) == labels[held]).sum() for predict, _ in found]
    best = STRENGTHS[int(right.argmax())]
    edge = " (the edge of what was tried)" if best in (STRENGTHS[0], STRENGTHS[-1]) else ""
    return best, (f"C = {best:g} by {folds}-fold cross-validation on train{edge}",)


def _fits(
    vectors: np.ndarray, labels: np.ndarray, strengths: Sequence[float]
) -> Iterator[tuple[Callable[[np.ndarray], np.ndarray], bool]]:
    """For each strength the classifier, to be used at once, and whether its fit converged."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(vectors)
    scaled = scaler.transform(vectors)
    model = LogisticRegression(max_iter=STEPS, warm_start=True)
    for strength in strengths:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", ConvergenceWarning)
            model.set_params(C=strength).fit(scaled, labels)
        yield lambda asked: model.predict(scaler.transform(asked)), not caught
