"""Contrastive margin loss: positives at distance 0, negatives at least a margin away."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.errors import InputError
from dipole.kernels import count, own, pairs, total
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.distances import distance
from dipole.objectives.labels.labelled import Labelled, labelled
from dipole.objectives.maths import reduce, unit

PAPER = "Hadsell et al. 2006, Dimensionality Reduction by Learning an Invariant Mapping"


@register(
    "contrastive",
    paper=PAPER,
    system="crl-review",
    form="margin",
    related=("contrastive-batch", "triplet", "siglip"),
    executors=(),
)
class Contrastive(Objective):
    """With D_i = ||a_i - p_i|| of the unit vectors and y_i the pair's score, 1 alike and 0 not,

        L_i = y_i D_i^2 / 2 + (1 - y_i) max(0, margin - D_i)^2 / 2.

    A score between 0 and 1 is a mixture of both. Unit vectors are at most 2 apart. With
    `distance="cosine"` D_i = 1 - cos(a_i, p_i), the default of sentence-transformers (its margin is
    0.5); there a Euclidean D adds 1e-6 to all differences.
    Shapes: anchor, positive (n, d), row by row; scores (n,) from 0 to 1. No pair of the batch but
    these is looked at.

    Example:
        >>> import torch
        >>> same, far = torch.tensor([[1.0, 0.0]]), torch.tensor([[-1.0, 0.0]])
        >>> Contrastive()(torch.cat([same, same]), torch.cat([same, far]), torch.tensor([1.0, 0.0]))
        tensor(0.)
    """

    margin: Positive = 1.0
    distance: Literal["euclidean", "cosine"] = "euclidean"

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        if scores.min() < 0 or scores.max() > 1:
            worst = float(scores.min() if scores.min() < 0 else scores.max())
            raise InputError(f"scores: found {worst:.4g}, expected 0 (negative) to 1 (positive)")
        a, p = unit(anchor), unit(positive)
        apart = (
            1 - own(a, p) if self.distance == "cosine" else torch.linalg.vector_norm(a - p, dim=-1)
        )
        alike = scores.to(apart.dtype)
        near = (self.margin - apart).clamp(min=0)
        loss = (alike * apart.square() + (1 - alike) * near.square()) / 2
        return reduce(loss, self.reduction)


@register(
    "contrastive-batch",
    paper=PAPER,
    system="crl-review",
    form="margin, all pairs",
    related=("contrastive", "triplet-batch", "multi-similarity"),
)
class BatchContrastive(Objective):
    """`Contrastive` over all pairs of a batch: with P(i) the others of i's class and N(i) the rest,

        L_i = mean_{j in P(i)} D_ij^2 / 2 + mean_{j in N(i)} max(0, margin - D_ij)^2 / 2

    (the paper sums over pairs; the two means keep n - 1 negatives from drowning a positive). The
    loss of that name in pytorch-metric-learning is another: its hinge is linear in the distance.
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n).

    Convention: distances come from cosines, so in float32 two vectors closer than 3e-4 are not
    told apart.

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> BatchContrastive()(z[None], labels=torch.tensor([0, 0, 1, 1]))
        tensor(0.)
    """

    margin: Positive = 1.0

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        return batch.reduce(contrastive_rows(batch, self.margin), self.reduction)


def contrastive_rows(batch: Labelled, margin: float) -> Tensor:
    """One number per row."""

    def near(score: Tensor) -> Tensor:
        return distance(score, "squared") / 2

    def close(score: Tensor) -> Tensor:
        return (margin - distance(score, "euclidean")).clamp(min=0).square() / 2

    asked = [total(near, mask=batch.positive), count(batch.positive)]
    asked += [total(close, mask=batch.negative), count(batch.negative)]
    pull, friends, push, others = pairs(batch.rows, batch.columns, row=asked).row
    return pull / friends.clamp(min=1) + push / others.clamp(min=1)
