"""Alignment and uniformity: what a contrastive loss does, as two terms without a softmax."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from dipole.declared import Positive, Range
from dipole.kernels import count, lse, pairs
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import others, reduce, unit


@register(
    "align-uniform",
    paper="Wang and Isola 2020, Understanding Contrastive Representation Learning through "
    "Alignment and Uniformity on the Hypersphere, arXiv 2005.10242",
    system="align-uniform",
    form="regression + global log-sum-exp",
    related=("infonce",),
    rows=False,
)
class AlignmentUniformity(Objective):
    """With u and v the unit vectors of both views,

        align   = mean_i ||u_i - v_i||^alpha
        unif(x) = log mean_{i != j} exp(-t ||x_i - x_j||^2)
        L       = alignment align + uniformity (unif(u) + unif(v)) / 2.

    The logarithm stands outside of the mean over all pairs. A batch without any pair has the
    uniformity 0, its largest. For vectors at right angles it is -2 t.
    Shapes: anchor, positive (n, d); ids (n,): pairs with equal ids are left out.

    Example:
        >>> import torch
        >>> round(AlignmentUniformity()(torch.eye(4), torch.eye(4)).item(), 4)
        -4.0
    """

    alignment: float = 1.0
    uniformity: float = 1.0
    alpha: Annotated[float, Range(1)] = 2.0
    t: Positive = 2.0

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        u, v = unit(anchor), unit(positive)
        near = reduce(torch.linalg.vector_norm(u - v, dim=-1).pow(self.alpha), "mean")
        spread = (log_energy(u, u, ids, self.t) + log_energy(v, v, ids, self.t)) / 2
        return self.alignment * near + self.uniformity * spread


def log_energy(x: Tensor, y: Tensor, ids: Tensor | None, t: float) -> Tensor:
    """log mean_{i != j} exp(-t ||x_i - y_j||^2) of unit vectors, exp(2 t (x . y - 1)) each."""
    mask = others(ids)
    energy, size = pairs(x, y, temperature=1 / (2 * t), all=[lse(mask=mask), count(mask)]).all
    return torch.where(size > 0, energy - size.clamp(min=1).log() - 2 * t, 0)
