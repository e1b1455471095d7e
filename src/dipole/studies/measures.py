"""What a study measures of a trained encoder: numbers per item wherever there are items.

A measure is a function of a `Trained` to {metric: (items,) array or number}. Rates are in points,
0 to 100. Besides those named here a function of one's own is a measure: `file.py:function`,
`module:function`, or an entry point of `dipole.measures`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dipole.data import Examples, Labeled, Pairs, Scored, Triplets
from dipole.errors import InputError
from dipole.lookup import find

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
    from dipole.evaluation.tasks.retrieval import evaluate_retrieval

    if not isinstance(model.test, Pairs | Triplets):
        raise InputError(f"retrieval: found {type(model.test).__name__}; expected pairs")
    result = evaluate_retrieval(model.encoder, retrieval_from_pairs(model.test))
    return {
        name: 100 * np.asarray(result.per_item[name])
        for name in ("MRR@10", "nDCG@10", "Recall@1", "Recall@10")
    }


def sts(model: Trained) -> Measured:
    """Spearman correlation of cosines with the scores of test pairs, in points."""
    from dipole.evaluation.tasks.sts import evaluate_sts

    if not isinstance(model.test, Scored):
        raise InputError(f"sts: found {type(model.test).__name__}; expected scored pairs")
    return {"Spearman": 100 * evaluate_sts(model.encoder, model.test).value("Spearman")}


def knn(model: Trained) -> Measured:
    """Share of test inputs whose class most of the 20 nearest training inputs have (cosine)."""
    from dipole.evaluation.tasks.neighbours import knn as right

    found = right(model.train_vectors, model.train_labels, model.test_vectors, model.test_labels)
    return {"kNN accuracy": 100.0 * found}


def probe(model: Trained) -> Measured:
    """Share of test inputs that a linear classifier on the training vectors gets right."""
    from dipole.evaluation.tasks.probe import linear_probe

    found = linear_probe(
        model.train_vectors, model.train_labels, model.test_vectors, model.test_labels
    )
    return {"linear probe": 100.0 * found}


def geometry(model: Trained) -> Measured:
    """Of the test vectors: alignment of two views, uniformity, effective rank.

        alignment       mean_i ||u_i - v_i||^2, u and v two views drawn as in training, per item
        uniformity      log mean_{i != j} exp(-2 ||x_i - x_j||^2), x the inputs themselves
        effective rank  exp(- sum_k p_k log p_k), p the singular values of (x_i) over their sum

    Vectors have length 1; both are lower the better (Wang and Isola 2020, arXiv 2005.10242);
    the rank is that of Roy and Vetterli 2007.
    """
    from dipole.evaluation.geometry.space import effective_rank, singular_values, uniformity

    x = model.test_vectors
    found: dict[str, np.ndarray | float] = {
        "uniformity": uniformity(x)[0],
        "effective rank": effective_rank(singular_values(x.T @ x)),
    }
    if model.config.view:
        first, second = _two_views(model)
        found["alignment"] = ((first - second) ** 2).sum(1)
    return found


def _two_views(model: Trained) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of two views of every test input, drawn from seed 0."""
    import torch

    from dipole.training.run.seeding import seed_step
    from dipole.views import build_views

    view = build_views(model.config.view[:1], **model.config.view_options)[0]
    if view.on != "features" or view.count != 1:
        raise InputError(f"geometry: found view {model.config.view[0]}; expected one of images")
    model.encoder.eval()
    inputs = list(model.test.column("input"))
    drawn: list[np.ndarray] = []
    with torch.no_grad():
        for draw in (0, 1):
            seed_step(0, draw)
            parts = [
                model.encoder(view(model.encoder.prepare(inputs[i : i + 500])))
                for i in range(0, len(inputs), 500)
            ]
            drawn.append(torch.cat(parts).double().numpy())
    return drawn[0], drawn[1]


MEASURES = {name: f"{__name__}:{name}" for name in ("retrieval", "sts", "knn", "probe", "geometry")}


def measure(name: str) -> Callable[[Trained], Measured]:
    """A measure by its name, as `file.py:function` or as `module:function`."""
    return cast(Callable[[Trained], Measured], find("measure", name, MEASURES))


def as_arrays(found: Measured) -> dict[str, np.ndarray]:
    """Metric -> (items,) float64; a number is one item. InputError where one is not finite."""
    arrays: dict[str, np.ndarray] = {}
    for name, value in found.items():
        array: Any = np.atleast_1d(np.asarray(value, dtype=np.float64))
        if array.ndim != 1 or not np.isfinite(array).all():
            raise InputError(f"measure: {name} is {array!r:.80}; expected finite numbers per item")
        arrays[name] = array
    return arrays
