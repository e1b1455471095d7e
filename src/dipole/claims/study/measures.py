"""What a study measures of a trained encoder: numbers per item wherever there are items.

A measure is a function of a `Trained` to {metric: (items,) array or number}. Rates are in points,
0 to 100. Besides those named here `module:function` is a measure, so a claim can bring its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dipole.claims.study.data import function_at
from dipole.data import Examples, Labeled, Pairs, Triplets
from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder
    from dipole.training.config import Config

Measured = Mapping[str, np.ndarray | float]


@dataclass(frozen=True)
class Trained:
    """A trained encoder beside the examples of its study; vectors are computed once, when asked."""

    encoder: Encoder
    train: Examples
    test: Examples
    config: Config

    @cached_property
    def train_vectors(self) -> np.ndarray:
        """Unit vectors of the training inputs, (n, dim)."""
        return self.vectors(self.train)

    @cached_property
    def test_vectors(self) -> np.ndarray:
        """Unit vectors of the test inputs, (n, dim)."""
        return self.vectors(self.test)

    @cached_property
    def train_labels(self) -> np.ndarray:
        """The classes of the training inputs, (n,)."""
        return labels_of(self.train)

    @cached_property
    def test_labels(self) -> np.ndarray:
        """The classes of the test inputs, (n,)."""
        return labels_of(self.test)

    def vectors(self, examples: Examples) -> np.ndarray:
        """Unit vectors of the inputs of labelled examples."""
        if not isinstance(examples, Labeled):
            raise InputError(f"measure: found {type(examples).__name__}; expected labelled inputs")
        found = np.asarray(self.encoder.encode(list(examples.column("input"))), dtype=np.float64)
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.where(norms == 0, 1.0, norms)


def labels_of(examples: Examples) -> np.ndarray:
    """The classes of labelled examples, (n,)."""
    if not isinstance(examples, Labeled):
        raise InputError(f"measure: found {type(examples).__name__}; expected labelled inputs")
    return np.asarray(list(examples.column("label")))


def retrieval(model: Trained) -> Measured:
    """Is the positive of a test anchor found among all test positives? Per query, in points."""
    from dipole.data.retrieval import retrieval_from_pairs
    from dipole.evaluation.retrieval import evaluate_retrieval

    if not isinstance(model.test, Pairs | Triplets):
        raise InputError(f"retrieval: found {type(model.test).__name__}; expected pairs")
    result = evaluate_retrieval(model.encoder, retrieval_from_pairs(model.test))
    return {
        name: 100 * np.asarray(result.per_item[name])
        for name in ("MRR@10", "nDCG@10", "Recall@1", "Recall@10")
    }


def knn(model: Trained) -> Measured:
    """Share of test inputs whose class most of the 20 nearest training inputs have (cosine)."""
    from dipole.evaluation.neighbours import knn as right

    found = right(model.train_vectors, model.train_labels, model.test_vectors, model.test_labels)
    return {"kNN accuracy": 100.0 * found}


def probe(model: Trained) -> Measured:
    """Share of test inputs that a linear classifier on the training vectors gets right."""
    from dipole.evaluation.probe import linear_probe

    found = linear_probe(
        model.train_vectors, model.train_labels, model.test_vectors, model.test_labels
    )
    return {"linear probe": 100.0 * found}


MEASURES: dict[str, Callable[[Trained], Measured]] = {
    "retrieval": retrieval,
    "knn": knn,
    "probe": probe,
}


def measure(name: str) -> Callable[[Trained], Measured]:
    """A measure by its name or as `module:function`."""
    if name in MEASURES:
        return MEASURES[name]
    if ":" in name:
        return cast(Callable[[Trained], Measured], function_at(name, "measure"))
    raise InputError(f"measure: found {name!r}; expected {', '.join(MEASURES)} or module:function")


def as_arrays(found: Measured) -> dict[str, np.ndarray]:
    """Metric -> (items,) float64; a number is one item. InputError where one is not finite."""
    arrays: dict[str, np.ndarray] = {}
    for name, value in found.items():
        array: Any = np.atleast_1d(np.asarray(value, dtype=np.float64))
        if array.ndim != 1 or not np.isfinite(array).all():
            raise InputError(f"measure: {name} is {array!r:.80}; expected finite numbers per item")
        arrays[name] = array
    return arrays
