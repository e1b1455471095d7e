"""The gradient lens: how strongly an objective pulls and pushes each pair of a batch.

A loss of cosines is a function of the Gram matrix of its unit vectors, so its gradient is
dL/dv_i = sum_j w_ij v_j with w_ij = dL/dS_ij: it is known once the weights of the pairs are. The
lens reads them off one backward pass, without looking into the objective: every vector gets a
coordinate of its own, of size epsilon, in which no other vector has anything. That changes no
score by more than epsilon^2, and the gradient of vector i in the coordinate of j is epsilon w_ij.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.checks import SHAPES

EPSILON = 1e-5
# The inputs that hold vectors; a teacher's and a queue's are pulled at, but do not move.
VECTORS = tuple(k for k, letters in SHAPES.items() if letters.split()[-1] == "d")
# N vectors make an (N, N) matrix and N further dimensions.
MOST = 4096


@dataclass(frozen=True, eq=False)
class Lens:
    """The pairs of one batch; N vectors: all inputs one after the other, flattened.

    scores (N, N): cosines. weights (N, N): n dL/dS_ij, for n examples and a mean loss; below 0
    pulled together, above 0 pushed apart, 0 left alone; row i is what acts on vector i. places:
    input -> its rows. value: the loss.
    """

    objective: str
    value: float
    n: int
    scores: np.ndarray
    weights: np.ndarray
    places: Mapping[str, slice]
    temperature: float | None

    def between(self, first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
        """Scores and weights of one input against another, as two matrices."""
        for name in (first, second):
            if name not in self.places:
                raise InputError(f"lens: no input {name!r}; expected {', '.join(self.places)}")
        block = (self.places[first], self.places[second])
        return self.scores[block], self.weights[block]

    @property
    def pull(self) -> np.ndarray:
        """Total pull on each vector, (N,), 0 or more."""
        return np.maximum(-self.weights, 0).sum(1)

    @property
    def push(self) -> np.ndarray:
        """Total push on each vector, (N,), 0 or more."""
        return np.maximum(self.weights, 0).sum(1)

    @property
    def relative_penalty(self) -> np.ndarray:
        """r_ij = push_ij / sum_k push_ik, (N, N): who gets the push on i; nan rows without any.

        For InfoNCE of one direction r_i(s_ij) = exp(s_ij / t) / sum_{k != i} exp(s_ik / t).
        (Wang and Liu 2021, arXiv 2012.09740.)
        """
        push = np.maximum(self.weights, 0)
        total = push.sum(1, keepdims=True)
        return np.divide(push, total, out=np.full_like(push, np.nan), where=total > 0)

    @property
    def coupling(self) -> np.ndarray | None:
        """q_i: temperature x pull between anchor i and positive i, (n,); None without those two.

        For NT-Xent and InfoNCE it is 1 - (the positive's share of the softmax), the mean of both
        directions; DCL takes it out, and has 1. Without a temperature it is the pull.
        (Yeh et al. 2022, arXiv 2110.06848.)
        """
        if not {"anchor", "positive"} <= set(self.places):
            return None
        scores, weights = self.between("anchor", "positive")
        if scores.shape[0] != scores.shape[1]:
            return None
        return -np.diag(weights) * (self.temperature or 1.0)

    def numbers(self) -> dict[str, float]:
        """The lens in a few numbers; nan where there is nothing to say.

        pull, push: mean over the vectors. acting: share of pairs with a weight. negatives: exp of
        the mean entropy of the relative penalty, how many negatives share the push. hardest tenth:
        share of the push on the 10 % most similar of the pushed pairs (0.1 where all are alike).
        coupling: mean q.
        """
        off = ~np.eye(len(self.weights), dtype=bool)
        penalty = self.relative_penalty
        used = penalty[np.isfinite(penalty).all(1)]
        logs = np.log(used, out=np.zeros_like(used), where=used > 0)
        pushed = off & (self.weights > 0)
        hardest = math.nan
        if pushed.any():
            scores, weights = self.scores[pushed], self.weights[pushed]
            most = np.argsort(-scores, kind="stable")[: max(1, round(len(scores) / 10))]
            hardest = float(weights[most].sum() / weights.sum())
        coupling = self.coupling
        return {
            "loss": self.value,
            "pull": float(self.pull.mean()),
            "push": float(self.push.mean()),
            "acting": float((self.weights[off] != 0).mean()),
            "negatives": float(np.exp(-(used * logs).sum(1).mean())) if len(used) else math.nan,
            "hardest tenth": hardest,
            "coupling": math.nan if coupling is None else float(coupling.mean()),
        }


def lens(objective: Objective, **batch: Any) -> Lens:
    """The weight of every pair of a batch under any registered objective.

    batch: the tensors the objective takes, by name (`anchor`, `positive`, `views`, `labels`, ...).
    Vectors are normalised first, so a weight is that of a cosine. Computed in float64 on a copy of
    the objective: its state (queues, averages) does not move, and what it draws by chance is the
    same each time. For looking at batches of up to about a thousand vectors.

    Raises InputError where the pairs have no weights: an objective that is no function of the
    inner products of its vectors (VICReg, Barlow Twins, whitening: each feature counts by itself),
    or that has parameters of the vectors' dimension.

    >>> from dipole.objectives import InfoNCE
    >>> seen = lens(InfoNCE(temperature=1.0), anchor=torch.eye(2), positive=torch.eye(2))
    >>> seen.between("anchor", "positive")[1].round(4)  # 1 / (1 + e) = 0.2689
    array([[-0.2689,  0.2689],
           [ 0.2689, -0.2689]])
    """
    name = objective.name or type(objective).__name__
    inputs = {key: value for key, value in batch.items() if value is not None}
    vectors = {key: _unit(key, inputs[key]) for key in inputs if key in VECTORS}
    if not vectors:
        raise InputError(
            f"lens: no vectors in {', '.join(inputs) or 'an empty batch'}; "
            f"expected {', '.join(objective.inputs())}"
        )
    count = sum(math.prod(v.shape[:-1]) for v in vectors.values())
    if count > MOST:
        raise InputError(f"lens: found {count:,} vectors; expected at most {MOST:,}")
    rest = {
        key: value.double() if isinstance(value, Tensor) and value.is_floating_point() else value
        for key, value in inputs.items()
        if key not in vectors
    }
    value, plain = _gradients(objective, vectors, rest, name)
    lifted, places, start = {}, {}, 0
    for key, tensor in vectors.items():
        own = math.prod(tensor.shape[:-1])
        coordinates = torch.zeros(own, count, dtype=torch.float64)
        coordinates[:, start : start + own].fill_diagonal_(EPSILON)
        lifted[key] = torch.cat([tensor, coordinates.view(*tensor.shape[:-1], count)], -1)
        places[key] = slice(start, start + own)
        start += own
    try:
        _, high = _gradients(objective, lifted, rest, name)
    except InputError as error:
        raise InputError(f"{_no_weights(name)} ({error})") from error
    d = plain.shape[1]
    weights = high[:, d:] / EPSILON
    stacked = torch.cat([v.reshape(-1, d) for v in vectors.values()])
    # A vector's own coordinate says how it would change its length.
    weights.fill_diagonal_(0)
    _check_explained(name, plain, weights @ stacked, stacked)
    n = _examples(vectors)
    temperature = getattr(objective, "temperature", None)
    if callable(temperature):
        temperature = temperature()
    if isinstance(temperature, Tensor):
        temperature = temperature.item()
    return Lens(
        name, value, n, (stacked @ stacked.T).numpy(), (n * weights).numpy(), places,
        temperature,
    )  # fmt: skip


def _unit(name: str, tensor: Any) -> Tensor:
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point() or tensor.dim() < 2:
        raise InputError(f"lens: {name} is no tensor of vectors; expected (n, d)")
    tensor = tensor.detach().double()
    if not torch.isfinite(tensor).all():
        raise InputError(f"lens: {name} holds values that are not finite; expected numbers")
    return torch.nn.functional.normalize(tensor, dim=-1, eps=1e-300)


def _gradients(
    objective: Objective, vectors: Mapping[str, Tensor], rest: Mapping[str, Any], name: str
) -> tuple[float, Tensor]:
    """The loss and its gradient for all vectors, (N, d)."""
    leaves = {key: tensor.clone().requires_grad_() for key, tensor in vectors.items()}
    fresh = copy.deepcopy(objective).double()
    fresh.reduction = "mean"
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        try:
            loss = fresh(**{**rest, **leaves})
        except (RuntimeError, TypeError) as error:
            raise InputError(f"lens: {name} cannot be looked at ({error})") from error
        if not loss.requires_grad:
            raise InputError(f"lens: the loss of {name} does not depend on its vectors here")
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    d = next(iter(leaves.values())).shape[-1]
    rows = [
        (torch.zeros_like(leaf) if grad is None else grad).reshape(-1, d)
        for leaf, grad in zip(leaves.values(), found, strict=True)
    ]
    return float(loss.detach()), torch.cat(rows)


def _check_explained(name: str, gradient: Tensor, built: Tensor, vectors: Tensor) -> None:
    """The gradient along the sphere must be what the weights say; along a vector is its length."""

    def along(x: Tensor) -> Tensor:
        return x - (x * vectors).sum(1, keepdim=True) * vectors

    gap = (along(gradient) - along(built)).abs().max()
    if not gap <= 1e-4 * along(gradient).abs().max() + 1e-9:
        raise InputError(_no_weights(name))


def _no_weights(name: str) -> str:
    return (
        f"lens: {name} is no function of the inner products of its vectors alone, so its pairs "
        "have no weights; expected a loss over scores"
    )


def _examples(vectors: Mapping[str, Tensor]) -> int:
    name, tensor = next(iter(vectors.items()))
    return tensor.shape[SHAPES[name].split().index("n")] if "n" in SHAPES[name] else len(tensor)
